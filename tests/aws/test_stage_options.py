"""Each parameter of a stage that changes the template, seen in the template; defaults are safe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.functions import load
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.stages import CallbackTarget, IamCaller, StageProblem
from infra.template import gateway
from infra.template.merge import merge_template

PROD = stages.load("prod")
KEY = "arn:aws:kms:eu-central-1:111122223333:key/0"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
FUNCTIONS = list(load(FUNCTIONS_TOML, PROD.stack).values())


def merged(**options: Any) -> dict[str, Any]:
    stage = replace(PROD, **options)
    return merge_template(stage, FUNCTIONS, stage.python)["Resources"]  # type: ignore[no-any-return]


def properties(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in resources.values() if r.get("Type") == kind]


def roles(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [r["Properties"] for name, r in resources.items() if name.endswith("Role")]


def functions(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        r["Properties"]
        for r in resources.values()
        if "FunctionName" in r["Properties"] and "Timeout" in r["Properties"]
    ]


def test_the_defaults_are_safe() -> None:
    found = merged()
    (limit,) = found["RestAPI"]["Properties"]["MethodSettings"]
    assert (limit["ThrottlingRateLimit"], limit["ThrottlingBurstLimit"]) == (2000, 1000)
    assert PROD.python == "python3.13"
    assert all(group["RetentionInDays"] == 365 for group in properties(found, "AWS::Logs::LogGroup"))
    logs = [r for r in found.values() if r.get("Type") == "AWS::Logs::LogGroup"]
    assert all(group["DeletionPolicy"] == "Retain" for group in logs)


def test_a_boundary_is_on_every_role() -> None:
    found = roles(merged(permissions_boundary=BOUNDARY))
    assert len(found) > 10
    assert all(role["PermissionsBoundary"] == BOUNDARY for role in found)
    assert not any("PermissionsBoundary" in role for role in roles(merged()))


def test_a_network_is_where_every_function_runs_and_every_role_may_join_it() -> None:
    found = merged(vpc_subnets=("subnet-1",), vpc_security_groups=("sg-1",))
    where = {"SecurityGroupIds": ["sg-1"], "SubnetIds": ["subnet-1"]}
    assert all(function["VpcConfig"] == where for function in functions(found))
    for role in roles(found):
        actions = [a for s in role["Policies"][0]["PolicyDocument"]["Statement"] for a in s["Action"]]
        assert "ec2:CreateNetworkInterface" in actions
    assert not any("VpcConfig" in function for function in functions(merged()))


def test_your_key_encrypts_tables_bucket_and_queues_and_roles_may_use_it_through_them() -> None:
    found = merged(kms_key_arn=KEY)
    assert all(t["SSESpecification"]["KMSMasterKeyId"] == KEY for t in properties(found, "AWS::DynamoDB::Table"))
    (bucket,) = properties(found, "AWS::S3::Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
    assert all(queue["KmsMasterKeyId"] == KEY for queue in properties(found, "AWS::SQS::Queue"))
    for role in roles(found):
        (use,) = [s for s in role["Policies"][0]["PolicyDocument"]["Statement"] if "kms:Decrypt" in s["Action"]]
        assert use["Resource"] == [KEY] and "kms:ViaService" in use["Condition"]["StringEquals"]


def test_concurrency_is_reserved_for_those_that_are_named() -> None:
    found = merged(reserved_concurrency={"api": 50, "attend": 20})
    kept = {name: r["Properties"].get("ReservedConcurrentExecutions") for name, r in found.items()}
    assert (kept["APIHandler"], kept["Attend"], kept["Sweep"]) == (50, 20, None)


def test_a_private_api_refuses_what_comes_from_elsewhere() -> None:
    api = merged(vpc_endpoints=("vpce-1",))["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == {"Type": "PRIVATE", "VPCEndpointIds": ["vpce-1"]}
    allow, deny = api["DefinitionBody"]["x-amazon-apigateway-policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": ["vpce-1"]}}


def test_a_domain_a_firewall_and_versions() -> None:
    found = merged(domain="once.example.com", certificate_arn="arn:aws:acm:x", waf_acl_arn="arn:aws:wafv2:x")
    assert found["Domain"]["Properties"]["DomainName"] == "once.example.com"
    assert found["DomainMapping"]["Properties"]["Stage"] == "api"
    assert found["Firewall"]["Properties"]["WebACLArn"] == "arn:aws:wafv2:x"
    (bucket,) = properties(merged(versioned_bucket=True), "AWS::S3::Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LifecycleConfiguration"]["Rules"][0]["NoncurrentVersionExpiration"]
    assert not {"Domain", "DomainMapping", "Firewall"} & set(merged())


def test_no_site_s_pages_may_call_unless_the_stage_names_it() -> None:
    def told(**options: Any) -> list[Any]:
        found = functions(merged(**options))
        return [f["Environment"]["Variables"].get("ONCE_CORS_ORIGINS") for f in found if "Environment" in f]

    assert set(told()) == {None}
    sites = ("https://app.example.com", "http://localhost:5173")
    assert [value for value in told(cors_origins=sites) if value] == [" ".join(sites)]


QUEUE, BUS = (
    "arn:aws:sqs:eu-central-1:111122223333:results",
    "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/b",
)


def test_callbacks_may_go_to_the_stage_s_targets_and_attend_alone_may_send_there() -> None:
    found = merged(callback_targets=(QUEUE, CallbackTarget(BUS, ("acme",))))
    sending = {
        (name, action, str(statement["Resource"]))
        for name, role in found.items()
        if name.endswith("Role")
        for statement in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
        if action == "events:PutEvents" or QUEUE in statement["Resource"]
    }
    assert sending == {
        ("AttendRole", "sqs:SendMessage", str([QUEUE])),
        ("AttendRole", "events:PutEvents", str([{"Fn::Sub": BUS}])),
    }
    for name in ("APIHandler", "Attend"):
        told = found[name]["Properties"]["Environment"]["Variables"]["ONCE_CALLBACK_TARGETS"]["Fn::Sub"]
        assert json.loads(told) == {QUEUE: [], BUS: ["acme"]}
    assert "ONCE_CALLBACK_TARGETS" not in merged()["Attend"]["Properties"]["Environment"]["Variables"]
    assert not {"CallbackBus", "CallbackQueue", "CallbackTopic"} & set(found)


def test_an_unknown_path_is_the_service_s_to_answer() -> None:
    paths = merged()["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    assert (
        paths["/{proxy+}"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ('runtime = "nodejs24.x"', "runtime is a Python"),
        ('architecture = "x86-64"', "architecture = 'x86-64': it is one of arm64, x86_64; did you mean x86_64?"),
        ('vpc_subnets = ["s"]', "go together"),
        ('domain = "a.b"', "go together"),
        ("reserved_concurrency = { echo = 1 }", "reserved_concurrency (echo): "),
        ("worker_memory = 1", "worker_memory: there is no such key; did you mean worker_memory_mb?"),
        ("xray = 1", "xray = 1: expected bool, got int"),
        ('callback_targets = ["https://a.example"]', "callback_targets has ARNs"),
        (f'callback_targets = [{{ arn = "{QUEUE}", tenant = "acme" }}]', "tenant: there is no such key"),
        (f'callback_targets = [{{ arn = "{QUEUE}", tenants = [] }}]', "callback_targets[0].tenants = []: "),
        ('iam_callers = [{ arn = "arn:aws:iam::1:role/r", tenant = "t" }]', "iam_callers[0].arn"),
        ('iam_callers = [{ arn = "arn:aws:sts::111122223333:assumed-role/r/s", tenant = "t" }]', "iam_callers[0].arn"),
        ('iam_callers = [{ arn = "arn:aws:iam::111122223333:role/r", tenant = "T" }]', "iam_callers[0].tenant"),
        ('iam_callers = [{ arn = "arn:aws:iam::111122223333:role/r", tenant = "t", scopes = ["all"] }]', "scopes"),
        (
            'iam_callers = [{ arn = "arn:aws:iam::111122223333:role/r", tenant = "a" }, '
            '{ arn = "arn:aws:iam::111122223333:role/path/r", tenant = "b" }]',
            "twice",
        ),
        (f"callback_targets = {[QUEUE] * 80}", "callback_targets has at most"),
    ],
)
def test_what_aws_would_refuse_is_refused(tmp_path: Path, wrong: str, why: str) -> None:
    file = tmp_path / "stages.toml"
    file.write_text(f"[stages.prod]\n{wrong}")
    with pytest.raises(StageProblem, match=re.escape(why)):
        stages.load("prod", file)


ROLE = "arn:aws:iam::111122223333:role/teams/shop"


def test_callers_of_aws_sign_one_path_and_no_other() -> None:
    found = merged(iam_callers=(IamCaller(ROLE, "shop"),))
    definition = found["RestAPI"]["Properties"]["DefinitionBody"]
    signed = {path: item for path, item in definition["paths"].items() if "sigv4" in str(item)}
    assert signed == {gateway.SIGNED_PATH: {"post": {"security": [{"sigv4": []}]}}}
    assert definition["securityDefinitions"]["sigv4"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    (allow,) = definition["x-amazon-apigateway-policy"]["Statement"]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", "*")
    answers = definition["x-amazon-apigateway-gateway-responses"]
    assert {answers[kind]["statusCode"] for kind in ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE")} == {401}
    told = {
        name: json.loads(r["Properties"]["Environment"]["Variables"]["ONCE_IAM_CALLERS"])
        for name, r in found.items()
        if "ONCE_IAM_CALLERS" in r["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert told == {"APIHandler": [{"arn": ROLE, "tenant": "shop", "scopes": ["runs:read", "runs:write"]}]}


def test_a_private_api_of_callers_of_aws_still_refuses_what_comes_from_elsewhere() -> None:
    api = merged(iam_callers=(IamCaller(ROLE, "shop"),), vpc_endpoints=("vpce-1",))["RestAPI"]["Properties"]
    allow, deny = api["DefinitionBody"]["x-amazon-apigateway-policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert api["DefinitionBody"]["securityDefinitions"]


def test_where_no_caller_of_aws_is_listed_no_path_asks_for_a_signature() -> None:
    definition = merged()["RestAPI"]["Properties"]["DefinitionBody"]
    assert "sigv4" not in json.dumps(definition) and "x-amazon-apigateway-policy" not in definition
    assert definition["x-amazon-apigateway-gateway-responses"]["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == 404

"""The finished template: what it promises, checked on the template itself, for AWS and for the emulator."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.api import schemas
from chalicelib.api.problems import InvalidRequest
from chalicelib.api.schemas import DAY_S
from chalicelib.functions import load
from chalicelib.runs import limits
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.ship import package
from infra.template import compute, listeners

Resource = dict[str, Any]
#: delay_seconds, queue_timeout_seconds, and the day's grace of a run's own expiry
LONGEST_WAIT_DAYS = 7 + 1 + 1


@pytest.fixture(scope="module")
def local_template() -> dict[str, Any]:
    return json.loads(package.package(stages.load("local")).template.read_text())  # type: ignore[no-any-return]


def of_type(template: dict[str, Any], kind: str) -> dict[str, Resource]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def allowed(value: Any) -> Iterator[Resource]:
    """Every statement that allows something, wherever it stands."""
    if isinstance(value, dict):
        if value.get("Effect") == "Allow" and "Principal" not in value:
            yield value
        for inner in value.values():
            yield from allowed(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from allowed(inner)


def test_it_is_plain_cloudformation(template: dict[str, Any]) -> None:
    assert "Transform" not in template
    assert not [r["Type"] for r in template["Resources"].values() if "Serverless" in r["Type"]]


def test_no_region_partition_account_or_stack_is_written_into_it(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    assert re.findall(r"arn:aws:|us-east-1|(?<![0-9a-f])\d{12}(?![0-9a-f])|invoke-once-(?:prod|local)", text) == []


def test_stages_differ_by_parameters_alone(template: dict[str, Any], local_template: dict[str, Any]) -> None:
    ours, theirs = set(template["Resources"]), set(local_template["Resources"])
    # the local AWS has a queue and a topic for callbacks, which elsewhere are the operator's own
    assert theirs - ours - api_deployments(local_template) == set(listeners.resources(stages.load("local")))
    kinds = {template["Resources"][name]["Type"] for name in ours - theirs - api_deployments(template)}
    watching = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::SNS::Topic", "AWS::SNS::Subscription"}
    assert kinds == {*watching, "AWS::S3::BucketPolicy"}


def api_deployments(template: dict[str, Any]) -> set[str]:
    return set(of_type(template, "AWS::ApiGateway::Deployment"))


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_functions_and_their_layer_are_for_the_stage_s_runtime_whoever_packages(
    template: dict[str, Any], architecture: Any
) -> None:
    found = copy.deepcopy(template)
    if architecture != stages.load("prod").architecture:
        package._on_the_stage_s_runtime(replace(stages.load("prod"), architecture=architecture), found["Resources"])
    functions = of_type(found, "AWS::Lambda::Function").values()
    assert {f["Runtime"] for f in functions if f["Runtime"].startswith("python")} == {"python3.13"}
    assert {tuple(f["Architectures"]) for f in functions} == {(architecture,)}
    for_others, own = (layer for _, layer in sorted(of_type(found, "AWS::Lambda::LayerVersion").items()))
    assert (own["CompatibleRuntimes"], own["CompatibleArchitectures"]) == (["python3.13"], [architecture])
    assert (len(for_others["CompatibleRuntimes"]), len(for_others["CompatibleArchitectures"])) == (4, 2)


def test_no_statement_allows_every_action_or_names_no_resource(template: dict[str, Any]) -> None:
    for statement in allowed(template):
        assert not [action for action in statement["Action"] if action.endswith("*")], statement
        assert "*" not in statement["Resource"], statement
        assert statement["Resource"], statement


def test_every_function_has_a_role_and_a_log_group_of_its_own(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    roles = [json.dumps(properties["Role"]) for properties in functions.values()]
    assert len(set(roles)) == len(roles)
    logs = {group["LogGroupName"]["Fn::Sub"] for group in of_type(template, "AWS::Logs::LogGroup").values()}
    assert logs == {f"/aws/lambda/{properties['FunctionName']['Fn::Sub']}" for properties in functions.values()}
    assert all(group["RetentionInDays"] for group in of_type(template, "AWS::Logs::LogGroup").values())


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::S3::Bucket"])
def test_what_keeps_data_stays_when_the_stack_goes(template: dict[str, Any], kind: str) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == kind:
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_tables_can_be_restored_expire_their_items_and_are_protected(template: dict[str, Any]) -> None:
    for table in of_type(template, "AWS::DynamoDB::Table").values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["DeletionProtectionEnabled"] is True


def test_the_indexes_of_runs_carry_keys_alone(template: dict[str, Any]) -> None:
    runs = of_type(template, "AWS::DynamoDB::Table")["Runs"]
    found = {index["IndexName"]: index["Projection"]["ProjectionType"] for index in runs["GlobalSecondaryIndexes"]}
    assert found == {"due": "KEYS_ONLY", "by_tenant": "KEYS_ONLY", "failed": "KEYS_ONLY", "waiting": "KEYS_ONLY"}


def test_the_bucket_is_private_encrypted_tidied_and_refuses_plain_http(template: dict[str, Any]) -> None:
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    longest = max(f.retention_days for f in load(FUNCTIONS_TOML, "s").values())
    assert rule["ExpirationInDays"] >= longest + LONGEST_WAIT_DAYS
    assert rule["AbortIncompleteMultipartUpload"]
    (policy,) = of_type(template, "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_run_cannot_wait_longer_than_its_payloads_are_kept() -> None:
    longest = {"function": "f", "delay_seconds": 7 * DAY_S, "queue_timeout_seconds": DAY_S}
    assert schemas.read(longest, schemas.StartRequest)
    for name in ("delay_seconds", "queue_timeout_seconds"):
        with pytest.raises(InvalidRequest):
            schemas.read(longest | {name: longest[name] + 1}, schemas.StartRequest)  # type: ignore[operator]


def test_lambda_retries_none_of_our_functions_and_tells_record_when_one_dies(template: dict[str, Any]) -> None:
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig")
    for function in load(FUNCTIONS_TOML, "s").values():
        config = configs[f"Target{''.join(p.title() for p in function.name.split('-'))}Outcome"]
        assert config["MaximumRetryAttempts"] == 0
        assert config["Qualifier"] == "$LATEST"
        told = {"OnFailure"} | ({"OnSuccess"} if function.mode == "destination" else set())
        assert set(config["DestinationConfig"]) == told


def test_the_stream_gives_up_on_what_it_cannot_handle(template: dict[str, Any]) -> None:
    (mapping,) = [m for m in of_type(template, "AWS::Lambda::EventSourceMapping").values() if "FilterCriteria" in m]
    assert mapping["MaximumRetryAttempts"] == 3
    assert mapping["MaximumRecordAgeInSeconds"] == 3600
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["DestinationConfig"]["OnFailure"]


def test_the_wake_queue_keeps_what_fails_and_waits_longer_than_its_function_runs(template: dict[str, Any]) -> None:
    queue = of_type(template, "AWS::SQS::Queue")["WakeQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    wake = of_type(template, "AWS::Lambda::Function")["Wake"]
    assert queue["VisibilityTimeout"] >= 6 * wake["Timeout"]
    (mapping,) = [m for m in of_type(template, "AWS::Lambda::EventSourceMapping").values() if "FilterCriteria" not in m]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_gateways_own_errors_are_problems_too(template: dict[str, Any]) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()
    responses = api["Body"]["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= set(responses)
    for response in responses.values():
        assert response["responseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        body = json.loads(response["responseTemplates"]["application/json"])
        assert body["type"].startswith("urn:invoke-once:")


def test_the_gateway_hands_every_body_on_in_base64(template: dict[str, Any]) -> None:
    """As text, it would repair what is not UTF-8 before the service could refuse it."""
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()
    assert api["BinaryMediaTypes"] == ["*/*"]
    assert "x-amazon-apigateway-binary-media-types" not in api["Body"]


def test_packaging_wants_no_credentials_and_leaves_one_template(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "infra.ship.package", "prod"], capture_output=True, text=True, env=environment,
        cwd=FUNCTIONS_TOML.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = (FUNCTIONS_TOML.parent / "build" / "prod").glob("*.json")
    assert [file.name for file in files if "Resources" in json.loads(file.read_text())] == ["template.json"]


def test_what_a_tenant_may_ask_for_is_the_stages(template: dict[str, Any]) -> None:
    stage = replace(stages.load("prod"), calls_per_second=2.5, calls_burst=9, runs_in_flight=7)
    made = compute.resources(stage, [], "python3.11")
    variables = made["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert limits.rates(variables) == limits.Rates(2.5, 9, 7)
    packaged = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert limits.rates(packaged) == limits.Rates()
    assert "ONCE_RUNS_IN_FLIGHT" in packaged

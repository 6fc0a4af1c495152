"""Callers with AWS credentials, through a gateway that asks for a signature and says who signed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from msgspec.structs import replace

from infra import stages
from infra.stages import IamCaller
from infra.template import compute, gateway
from invoke_once import client_errors
from invoke_once.client import Once
from tests.service import Service, until

ROLE, USER = "arn:aws:iam::000000000000:role/apps/shop", "arn:aws:iam::000000000000:user/people/ada"
STAGE = replace(stages.load("local"), iam_callers=(IamCaller(ROLE, "shop"), IamCaller(USER, "demo", ("admin",))))


@pytest.fixture(scope="module")
def url(service: Service) -> Iterator[str]:
    """The API's code once more, behind a gateway that is set up as a stage with callers of AWS sets it up."""
    aws, name = service.aws("lambda"), f"signed-{secrets.token_hex(4)}"
    own = aws.get_function_configuration(FunctionName=f"{service.stack}-api")
    code = aws.get_function(FunctionName=f"{service.stack}-api")["Code"]
    variables = own["Environment"]["Variables"] | compute.iam_callers(STAGE)
    made = aws.create_function(
        FunctionName=name, Runtime=own["Runtime"], Role=own["Role"], Handler=own["Handler"], Timeout=30,
        Code={"ZipFile": httpx.get(code["Location"]).content}, Environment={"Variables": variables},
        Layers=[layer["Arn"] for layer in own["Layers"]],
    )  # fmt: skip
    integration = {
        "type": "aws_proxy", "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{made['FunctionArn']}/invocations",
    }  # fmt: skip
    definition = gateway.resources(STAGE)["RestAPI"]["Properties"]["DefinitionBody"]
    paths: dict[str, Any] = {gateway.SIGNED_PATH: definition["paths"][gateway.SIGNED_PATH], "/functions": {"get": {}}}
    for item in paths.values():
        for method in item.values():
            method |= {"responses": {}, "x-amazon-apigateway-integration": integration}
    body = {"swagger": "2.0", "info": {"title": name, "version": "1"}, **definition, "paths": paths}
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}},
        "Deployed": {
            "Type": "AWS::ApiGateway::Deployment",
            "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "api"},
        },
    }
    outputs = {"Api": {"Value": {"Ref": "Api"}}}
    cloud = service.aws("cloudformation")
    cloud.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))

    def made_stack() -> Any:
        (found,) = cloud.describe_stacks(StackName=name)["Stacks"]
        return found.get("Outputs") if found["StackStatus"] == "CREATE_COMPLETE" else None

    (api,) = until(made_stack)
    yield f"{service.endpoint}/restapis/{api['OutputValue']}/api/_user_request_"
    cloud.delete_stack(StackName=name)
    aws.delete_function(FunctionName=name)


#: AWS lets callers of the same account in by the gateway's own policy; an emulator that enforces IAM wants this one
CALL = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def credentials(service: Service, kind: str, path: str, name: str) -> boto3.Session:
    """Of a user, or of a session of a role, that is made for it."""
    iam = service.aws("iam")
    if kind == "user":
        iam.create_user(UserName=name, Path=path)
        iam.put_user_policy(UserName=name, PolicyName="call", PolicyDocument=document(CALL))
        found = iam.create_access_key(UserName=name)["AccessKey"]
    else:
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="call", PolicyDocument=document(CALL))
        found = service.aws("sts").assume_role(RoleArn=arn, RoleSessionName="job-1")["Credentials"]
    return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"), "us-east-1")


def test_a_role_and_a_user_fetch_tokens_that_open_the_api(service: Service, url: str) -> None:
    for kind, path, name, tenant in (("role", "/apps/", "shop", "shop"), ("user", "/people/", "ada", "demo")):
        own = credentials(service, kind, path, name)
        with Once(url) as once:
            made = once.tokens.from_iam(120, session=own)
        assert made["tenant"] == tenant
        opened = httpx.get(f"{service.url}/tokens", headers={"Authorization": f"Bearer {made['token']}"})
        assert opened.status_code == (200 if "admin" in made["scopes"] else 403)


def test_another_role_gets_none(service: Service, url: str) -> None:
    other = credentials(service, "role", "/apps/", f"other-{secrets.token_hex(4)}")
    with Once(url) as once, pytest.raises(client_errors.RequestRefused) as refused:
        once.tokens.from_iam(session=other)
    assert (refused.value.status, refused.value.type) == (403, "unknown-caller")


def test_the_gateway_wants_a_signature_there_and_nowhere_else(url: str) -> None:
    assert until(lambda: httpx.post(f"{url}/iam-tokens")).status_code in (401, 403)
    assert httpx.get(f"{url}/functions").json()["type"] == "urn:invoke-once:unauthenticated"

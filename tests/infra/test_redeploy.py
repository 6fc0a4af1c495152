"""A stack that goes and comes again: with its data, without it, and from the middle of a failure."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from infra import stages
from infra.local.emulator import Emulator
from infra.ship import package
from infra.ship.bootstrap import bootstrap, token_is_valid
from infra.ship.env_files import read_env
from infra.ship.rollback import rollback
from infra.ship.stack import DeployFailed, Stack
from infra.ship.undeploy import undeploy

NAME = "invoke-once-again"
ITEM = {"run_id": {"S": "kept"}, "part": {"S": "by the deploy's test"}}
STAGE = stages.load("local").named(NAME)


@pytest.fixture(scope="module")
def made() -> package.Package:
    return package.package(STAGE)


@pytest.fixture
def stack(emulator: Emulator) -> Iterator[Stack]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    found = Stack(session, emulator.url, NAME, tags={"team": "orders"})
    yield found
    undeploy(found, delete_data=True)
    assert left(found) == []


def left(stack: Stack) -> list[str]:
    """Everything that is still called after the stack."""
    names = stack.client("dynamodb").list_tables()["TableNames"]
    names += [bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]]
    names += [group["logGroupName"] for group in stack.client("logs").describe_log_groups()["logGroups"]]
    names += [parameter["Name"] for parameter in stack.client("ssm").describe_parameters()["Parameters"]]
    return [name for name in names if f"{stack.name}-" in name or f"/{stack.name}/" in name]


def broken(made: package.Package, tmp_path: Path) -> package.Package:
    """The same, with one resource that AWS refuses after most others are there."""
    template = json.loads(made.template.read_text())
    wrong = {"FunctionName": "no-such-function", "Qualifier": "$LATEST"}
    before = [name for name in template["Resources"] if name.startswith("Target")]
    refused = {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": wrong, "DependsOn": before}
    template["Resources"]["Broken"] = refused
    found = dataclasses.replace(made, directory=tmp_path)
    found.template.write_text(json.dumps(template))
    return found


def bigger(made: package.Package, tmp_path: Path) -> package.Package:
    """The same with 320 MB for the service's own functions."""
    found = dataclasses.replace(made, directory=tmp_path)
    was = f'"MemorySize": {STAGE.worker_memory_mb}'
    found.template.write_text(made.template.read_text().replace(was, '"MemorySize": 320'))
    return found


def put(stack: Stack) -> None:
    stack.client("dynamodb").put_item(TableName=stack.names.tables[0], Item=ITEM)
    stack.client("s3").put_object(Bucket=stack.names.bucket, Key="echo/in/kept.json", Body=b"1")


def kept(stack: Stack) -> bool:
    item = stack.client("dynamodb").get_item(TableName=stack.names.tables[0], Key=ITEM).get("Item")
    body = stack.client("s3").get_object(Bucket=stack.names.bucket, Key="echo/in/kept.json")["Body"].read()
    return item == ITEM and body == b"1"


def memory(stack: Stack) -> int:
    found = stack.client("lambda").get_function_configuration(FunctionName=f"{NAME}-sweep")
    return int(found["MemorySize"])


def test_the_first_token_is_in_no_output_and_it_and_the_data_outlive_an_undeploy(
    stack: Stack, made: package.Package, tmp_path: Path
) -> None:
    assert stack.deploy(made, "one")
    said, file = bootstrap(stack, STAGE, tmp_path), tmp_path / f"{NAME}.env"
    token = read_env(file)["ONCE_TOKEN"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in "".join(said)
    parameter = stack.client("ssm").get_parameter(Name=stack.names.parameters[1], WithDecryption=True)["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", token)
    assert "already" in bootstrap(stack, STAGE, tmp_path)[0]
    assert read_env(file)["ONCE_TOKEN"] == token

    # other content of an equal template is deployed, and no tag says it: a tag would change every resource
    assert stack.deploy(made, "two")
    assert stack.content() == "two"
    tags = stack.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]["Tags"]
    assert tags == [{"Key": "team", "Value": "orders"}]

    put(stack)
    told, names = undeploy(stack, delete_data=False), stack.names
    assert stack.describe() is None
    assert set(told) == {
        *(f"table {name}" for name in names.tables), f"bucket {names.bucket}", f"bucket {names.artifacts}",
        *(f"parameter {name}" for name in names.parameters),
    }  # fmt: skip
    assert kept(stack)
    assert stack.deploy(made, "three")
    assert kept(stack)
    resources = stack.client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
    assert {"Runs", "Tokens", "Bucket"} <= {resource["LogicalResourceId"] for resource in resources}
    assert token_is_valid(stack.client("dynamodb"), names.tables[1], token)


def test_after_a_first_deploy_that_failed_the_next_one_succeeds_and_data_without_a_stack_is_deleted_by_name(
    stack: Stack, made: package.Package, tmp_path: Path
) -> None:
    with pytest.raises(DeployFailed, match="Broken CREATE_FAILED: "):
        stack.deploy(broken(made, tmp_path), "broken")
    assert stack.content() is None
    assert stack.names.tables[0] not in left(stack), "it was rolled back"
    assert stack.deploy(made, "whole")
    assert stack.content() == "whole"
    assert not stack.deploy(made, "whole")

    put(stack)
    stack.delete()
    assert stack.names.tables[0] in left(stack)
    undeploy(stack, delete_data=True)
    assert left(stack) == []


def test_an_undeploy_finishes_what_a_failed_deploy_left(stack: Stack, made: package.Package, tmp_path: Path) -> None:
    """Protected tables stay when the creation is rolled back: CloudFormation could not delete them."""
    stack.protected = True
    with pytest.raises(DeployFailed):
        stack.deploy(broken(made, tmp_path), "broken")
    assert stack.names.tables[0] in left(stack)
    undeploy(stack, delete_data=True)
    assert left(stack) == []
    assert undeploy(stack, delete_data=True) == undeploy(stack, delete_data=False) == []


def test_what_was_deployed_before_can_be_deployed_again_without_its_sources(
    stack: Stack, made: package.Package, tmp_path: Path
) -> None:
    stack.deploy(made, "small")
    stack.deploy(bigger(made, tmp_path), "big")
    assert (memory(stack), stack.content()) == (320, "big")
    assert rollback(stack).content == "small"
    assert (memory(stack), stack.content()) == (STAGE.worker_memory_mb, "small")
    assert rollback(stack, to="big").content == "big"
    assert memory(stack) == 320
    with pytest.raises(DeployFailed, match="has no deploy other"):
        rollback(stack, to="other")

"""The deploy on the emulator: what is there afterwards, and what a second one keeps, skips and changes."""

from __future__ import annotations

import dataclasses
import json
import stat
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra import stages
from infra.ship import bootstrap, package
from infra.ship.deploy import deploy_locally
from infra.ship.env_files import read_env
from infra.ship.stack import DeployFailed, Stack
from tests.service import Service


@pytest.fixture
def env_file(local_directory: Path) -> Path:
    return local_directory / "once.env"


def test_tables_expire_their_items_though_the_emulator_skips_the_templates_word(service: Service) -> None:
    dynamodb = service.aws("dynamodb")
    for name in ("runs", "tokens"):
        found = dynamodb.describe_time_to_live(TableName=f"{service.stack}-{name}")["TimeToLiveDescription"]
        assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_every_function_is_there_under_the_name_that_code_computes(service: Service) -> None:
    names = {f["FunctionName"] for f in service.aws("lambda").list_functions()["Functions"]}
    expected = ("api", "stream", "wake", "sweep", "attend", "record", "report", "count", "node-hello")
    assert {f"{service.stack}-{name}" for name in expected} <= names


def test_the_settings_file_is_for_its_owner_alone(service: Service, env_file: Path) -> None:
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert service.env.items() <= read_env(env_file).items()


def test_a_deploy_without_a_change_keeps_the_token_and_touches_nothing(service: Service, env_file: Path) -> None:
    before = updated_at(service)
    again = deploy_locally(service.endpoint, env_file, service.stack)
    assert again == service.deployed
    assert updated_at(service) == before


def test_a_token_that_opens_nothing_any_more_is_replaced(service: Service, local_directory: Path) -> None:
    other = local_directory / "other.env"
    other.write_text("ONCE_TOKEN=once_0123456789abcdef_of-another-service-that-is-gone\n")
    found = deploy_locally(service.endpoint, other, service.stack)
    assert bootstrap.token_is_valid(service.aws("dynamodb"), f"{service.stack}-tokens", found.token)


def test_the_master_key_is_made_once_and_kept_encrypted(service: Service) -> None:
    ssm, name = service.aws("ssm"), f"/{service.stack}/master-key"
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    bootstrap.keyring(ssm, name)
    after = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert before["Type"] == "SecureString"
    assert (after["Value"], after["Version"]) == (before["Value"], before["Version"])


def test_a_deploy_that_fails_is_told_and_rolled_back_and_the_next_one_keeps_the_address_and_the_data(
    service: Service, tmp_path: Path
) -> None:
    stack, stage = cloudformation(service)
    made = package.package(stage)
    dynamodb, table = service.aws("dynamodb"), f"{service.stack}-runs"
    dynamodb.put_item(TableName=table, Item={"run_id": {"S": "kept"}, "part": {"S": "by the deploy's test"}})
    api = stack.outputs()["RestAPIId"]
    template = json.loads(made.template.read_text())
    broken: dict[str, Any] = {"FunctionName": "no-such-function", "Qualifier": "$LATEST"}
    template["Resources"]["Broken"] = {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": broken}
    wrong = dataclasses.replace(made, directory=tmp_path)
    wrong.template.write_text(json.dumps(template))
    try:
        with pytest.raises(DeployFailed, match="Broken (CREATE|UPDATE)_FAILED: "):
            stack.deploy(wrong, "broken by a test")
        assert stack.content() is None  # so the next `make up` deploys again
        del template["Resources"]["Broken"]
        for resource in template["Resources"].values():
            if resource["Properties"].get("MemorySize") == stage.worker_memory_mb:
                resource["Properties"]["MemorySize"] = 320
        wrong.template.write_text(json.dumps(template))
        assert stack.deploy(wrong, "changed by a test")
        sweep = service.aws("lambda").get_function_configuration(FunctionName=service.target("sweep"))
        assert sweep["MemorySize"] == 320
        assert stack.outputs()["RestAPIId"] == api
        key = {"run_id": {"S": "kept"}, "part": {"S": "by the deploy's test"}}
        assert dynamodb.get_item(TableName=table, Key=key)["Item"]
    finally:
        stack.deploy(made, package.content(stage))
    assert service.req("GET", "/healthz").status_code == 200


def cloudformation(service: Service) -> tuple[Stack, stages.Stage]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return Stack(session, service.endpoint, service.stack), stages.load("local").named(service.stack)


def updated_at(service: Service) -> Any:
    stack = service.aws("cloudformation").describe_stacks(StackName=service.stack)["Stacks"][0]
    return stack.get("LastUpdatedTime", stack["CreationTime"])

"""What a function outside the stack needs is what one inside has, and no more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib.functions import Function, load
from infra import stages
from infra.template.merge import merge_template
from invoke_once import outside
from invoke_once.cli.root import run
from invoke_once.errors import ConfigurationError
from invoke_once.outside import Mode, Place

INSIDE = {
    "tracked": Function("inside", target="s-inside", handler="a.b"),
    "destination": Function("inside", target="s-inside", code="dir", runtime="nodejs20.x", mode="destination"),
}


def resources(mode: Mode) -> dict[str, Any]:
    found: dict[str, Any] = merge_template(stages.load("prod"), [INSIDE[mode]], "python3.11")["Resources"]
    return found


def resolved(value: Any, stack: str = "invoke-once-prod") -> str:
    """What a resource of the template comes to, written with the pseudo parameters."""
    bucket = f"arn:${{AWS::Partition}}:s3:::{stack}-data-${{AWS::AccountId}}-${{AWS::Region}}"
    table = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{stack}-runs"
    record = f"arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:{stack}-record"
    match value:
        case {"Fn::Sub": str(text)}:
            return text.replace("${Bucket.Arn}", bucket).replace("${AWS::StackName}", stack)
        case {"Fn::GetAtt": [name, "Arn"]}:
            return {"Runs": table, "Bucket": bucket, "Record": record}[name]
    return str(value)


@pytest.mark.parametrize("mode", ["tracked", "destination"])
def test_its_rights_are_those_of_a_function_inside(mode: Mode) -> None:
    role = resources(mode)["TargetInsideRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    inside = [
        (action, resolved(r), s.get("Condition"))
        for s in role for action in s["Action"] for r in s["Resource"] if "logs:" not in action
    ]  # fmt: skip
    policy = outside.policy(Place("invoke-once-prod"), mode, "inside")
    printed = [(action, s["Resource"], s.get("Condition")) for s in policy["Statement"] for action in s["Action"]]
    assert sorted(printed, key=str) == sorted(inside, key=str)


def test_its_environment_is_among_that_of_a_function_inside() -> None:
    inside = resources("tracked")["TargetInside"]["Properties"]["Environment"]["Variables"]
    needed = outside.environment(Place("s"), "tracked", "inside", "demo")
    assert set(needed) <= set(inside)
    assert outside.environment(Place("s"), "destination", "inside", "demo") == {}


@pytest.mark.parametrize("mode", ["tracked", "destination"])
def test_its_ends_are_told_as_those_of_a_function_inside(mode: Mode) -> None:
    inside = resources(mode)["TargetInsideOutcome"]["Properties"]
    asked = outside.destinations(Place("invoke-once-prod"), mode)
    assert asked["MaximumRetryAttempts"] == inside["MaximumRetryAttempts"]
    told = {end: resolved(where["Destination"]) for end, where in inside["DestinationConfig"].items()}
    assert {end: where["Destination"] for end, where in asked["DestinationConfig"].items()} == told


def test_the_bucket_and_the_table_are_called_what_the_template_calls_them() -> None:
    found = resources("tracked")
    assert resolved(found["Runs"]["Properties"]["TableName"]) == Place("invoke-once-prod").table
    assert resolved(found["Bucket"]["Properties"]["BucketName"]) == Place("invoke-once-prod").bucket


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_a_region_tells_its_partition(region: str, partition: str) -> None:
    assert (
        Place.at("s", "111122223333", region).table_arn
        == f"arn:{partition}:dynamodb:{region}:111122223333:table/s-runs"
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("a b", "1" * 12, "eu-west-1"), "'a b' is not the name of a stack"),
        (("s", "1", "eu-west-1"), "'1' is not an account: 12 digits"),
        (("s", "1" * 12, "here"), "'here' is not a region"),
    ],
)
def test_a_place_that_cannot_be_is_refused(wrong: tuple[str, str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        Place.at(*wrong)


def test_its_table_in_functions_toml_is_one_that_is_taken(tmp_path: Any) -> None:
    file = tmp_path / "functions.toml"
    file.write_text(outside.entry("destination", "billing", "acme", "billing"))
    function = load(file, "s")["billing"]
    assert (function.target, function.tenant, function.mode) == ("billing", "acme", "destination")


def test_its_table_in_functions_toml_to_the_letter() -> None:
    table = '[functions.billing]\ntarget = "acme-billing"\ntenant = "acme"\nmode = "tracked"\n'
    assert outside.entry("tracked", "billing", "acme", "acme-billing") == table
    assert outside.entry("tracked", "billing", "acme", "acme-billing", "live") == table + 'qualifier = "live"\n'


def test_what_it_needs_of_a_real_place() -> None:
    place = Place.at("s", "111122223333", "eu-west-1")
    record = "arn:aws:lambda:eu-west-1:111122223333:function:s-record"
    tell = {"Sid": "TellRecord", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": record}
    assert outside.policy(place, "destination", "billing") == {"Version": "2012-10-17", "Statement": [tell]}
    assert outside.policy(place, "tracked", "billing")["Statement"][-1] == tell
    failure = {"OnFailure": {"Destination": record}}
    assert outside.destinations(place, "tracked") == {"MaximumRetryAttempts": 0, "DestinationConfig": failure}
    assert outside.destinations(place, "destination", "live") == {
        "Qualifier": "live",
        "MaximumRetryAttempts": 0,
        "DestinationConfig": failure | {"OnSuccess": {"Destination": record}},
    }
    assert outside.environment(place, "tracked", "billing", "acme") == {
        "ONCE_RUNS_TABLE": "s-runs",
        "ONCE_BUCKET": "s-data-111122223333-eu-west-1",
        "ONCE_FUNCTION": "billing",
        "ONCE_TENANT": "acme",
    }


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--account", "111122223333", "--region", "eu-west-1"]
    for show in ("policy", "environment", "destinations"):
        assert run(["policy", "billing", *place, "--show", show]) == 0
        assert json.loads(capsys.readouterr().out)
    assert run(["policy", "billing", "--show", "sam"]) == 0
    assert "${AWS::AccountId}" in capsys.readouterr().out


def test_an_alias_is_told_by_its_own_config(capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda keeps one for each version and alias: the one of $LATEST says nothing about `live`."""
    place = ["--account", "111122223333", "--region", "eu-west-1", "--qualifier", "live"]
    assert run(["policy", "billing", *place, "--show", "destinations"]) == 0
    assert json.loads(capsys.readouterr().out)["Qualifier"] == "live"
    assert run(["policy", "billing", *place, "--show", "entry"]) == 0
    assert 'qualifier = "live"' in capsys.readouterr().out
    assert run(["policy", "billing", *place, "--show", "sam"]) == 0
    assert "AutoPublishAlias: live\n" in capsys.readouterr().out
    assert "Qualifier" not in outside.destinations(Place("s"), "tracked")


def test_without_a_place_the_command_says_what_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert run(["policy", "billing"]) == 2
    assert "--account and --region" in capsys.readouterr().err

"""Alarms, dashboard and runbook: they name what the functions really tell, and each other."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.functions import load
from infra import stages
from infra.paths import FUNCTIONS_TOML, ROOT
from infra.template import alarms
from infra.template.merge import merge_template
from invoke_once.life.status import Status
from invoke_once.log import NAMESPACE

STACK = "invoke-once-prod"


@pytest.fixture(scope="module")
def named(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The alarms by their names."""
    found = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    return {filled(alarm["AlarmName"]).removeprefix(f"{STACK}-"): alarm for alarm in found}


@pytest.fixture(scope="module")
def board(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The dashboard's widgets."""
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return json.loads(body)["widgets"]  # type: ignore[no-any-return]


def metrics(alarm: dict[str, Any]) -> set[str]:
    """What an alarm watches, also where it is a sum or a query."""
    if "MetricName" in alarm:
        return {alarm["MetricName"]}
    queries = re.findall(r"SELECT SUM\((\w+)\)", json.dumps(alarm["Metrics"]))
    return {*queries, *(m["MetricStat"]["Metric"]["MetricName"] for m in alarm["Metrics"] if "MetricStat" in m)}


def dimensions_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    of_sums = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    return [*alarm.get("Dimensions", []), *(d for metric in of_sums for d in metric["Dimensions"])]


def filled(value: Any) -> str:
    return (value["Fn::Sub"] if isinstance(value, dict) else value).replace("${AWS::StackName}", STACK)


def told_by_the_code() -> set[str]:
    """Names of metrics: the keys of dicts in the sources; `Ended_` stands for one a status."""
    keys: set[str] = set()
    for tree in ("chalicelib", "invoke_once"):
        for file in (ROOT / tree).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Dict):
                    keys |= set(_texts(node))
    return keys | {f"Ended_{status}" for status in Status if "Ended_" in keys}


def _texts(node: ast.Dict) -> Iterator[str]:
    for key in node.keys:
        if isinstance(key, ast.JoinedStr):
            key = key.values[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def test_every_alarm_has_its_section_in_the_runbook_and_every_section_its_alarm(named: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "how-to" / "runbook.md").read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    told = {
        name.strip() for heading in headings if heading != "Other things that happen" for name in heading.split(",")
    }
    assert told == set(named)


def test_an_alarm_is_there_for_each_thing_that_needs_a_person(named: dict[str, Any]) -> None:
    watched = {metric for alarm in named.values() for metric in metrics(alarm)}
    assert watched >= {
        "Sweeps", "oldest_due_ms", "IteratorAge", "ApproximateNumberOfMessagesVisible", "5XXError", "Throttles",
        "ReadThrottleEvents", "WriteThrottleEvents", "CallbackFailed", "CallbackTryFailed",
        "DestinationDeliveryFailures", "AsyncEventsDropped", "RecursiveInvocationsDropped",
    }  # fmt: skip


def test_a_sweep_that_says_nothing_is_an_alarm_and_other_silence_is_not(named: dict[str, Any]) -> None:
    breaching = {name for name, alarm in named.items() if alarm["TreatMissingData"] == "breaching"}
    assert breaching == {"SweepNotRunning"}


def test_our_own_metrics_are_told_by_the_code_and_counted_by_stack(named: dict[str, Any]) -> None:
    told = told_by_the_code()
    ours = [alarm for alarm in named.values() if alarm.get("Namespace") == NAMESPACE]
    assert ours
    for alarm in ours:
        assert alarm["MetricName"] in told
        assert [(d["Name"], filled(d["Value"])) for d in alarm["Dimensions"]] == [("stack", STACK)]


def test_a_metric_that_nobody_tells_would_show() -> None:
    assert "Claimed" in told_by_the_code() and "Ended_timed_out" in told_by_the_code()
    assert "Invented" not in told_by_the_code() and "Ended_invented" not in told_by_the_code()


def test_alarms_and_dashboard_name_functions_queues_tables_indexes_and_an_api_that_are_there(
    template: dict[str, Any], named: dict[str, Any], board: list[dict[str, Any]]
) -> None:
    there = known(template)
    dimensions = [(d["Name"], filled(d["Value"])) for alarm in named.values() for d in dimensions_of(alarm)]
    for widget in board:
        for line in widget["properties"].get("metrics", []):
            pairs = [part for part in line[2:] if isinstance(part, str)]
            dimensions += [(name, filled(value)) for name, value in zip(pairs[::2], pairs[1::2], strict=True)]
    assert [pair for pair in dimensions if pair not in there] == []


def known(template: dict[str, Any]) -> set[tuple[str, str]]:
    names = {
        "AWS::Lambda::Function": "FunctionName", "AWS::SQS::Queue": "QueueName", "AWS::DynamoDB::Table": "TableName",
    }  # fmt: skip
    found = {("stack", STACK), ("Stage", "api")}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] in names:
            key = names[resource["Type"]]
            found.add((key, filled(properties[key])))
        for index in properties.get("GlobalSecondaryIndexes", []):
            found.add(("GlobalSecondaryIndexName", index["IndexName"]))
        if resource["Type"] == "AWS::ApiGateway::Stage":
            assert properties["StageName"] == "api"
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            found.add(("ApiName", filled(properties["Name"])))
    return found


def test_every_alarm_tells_the_topic_when_it_goes_off_and_when_it_is_over(named: dict[str, Any]) -> None:
    for alarm in named.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        assert alarm["AlarmDescription"].endswith("see docs/how-to/runbook.md")


def test_an_e_mail_address_is_subscribed_if_one_is_given(template: dict[str, Any]) -> None:
    subscription = template["Resources"]["AlarmsByEmail"]
    assert subscription["Condition"] in template["Conditions"]
    assert template["Parameters"]["AlarmEmail"]["Default"] == ""
    stage = replace(stages.load("prod"), alarm_email="ops@example.com")
    assert alarms.values(stage) == {"AlarmEmail": "ops@example.com"}
    assert alarms.values(stages.load("local")) == {}


def test_the_dashboard_shows_what_an_operator_asks_for(board: list[dict[str, Any]]) -> None:
    shown = {line[1] for widget in board for line in widget["properties"].get("metrics", [])}
    assert shown >= {
        "Accepted", "Replayed", "Claimed", "DuplicatesRefused", "Lost", "Ended_timed_out", "Redispatched",
        "CallbackDelivered", "CallbackFailed", "oldest_due_ms", "sweep_ms", "5XXError",
    }  # fmt: skip
    ours = {line[1] for w in board for line in w["properties"].get("metrics", []) if line[0] == NAMESPACE}
    assert ours - told_by_the_code() == set()


def test_the_dashboards_widgets_lie_beside_each_other(board: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in board:
        cells = {(x, y) for x in range(widget["x"], widget["x"] + widget["width"])
                 for y in range(widget["y"], widget["y"] + widget["height"])}  # fmt: skip
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_dashboard_shows_every_alarm(board: list[dict[str, Any]], template: dict[str, Any]) -> None:
    (widget,) = [w for w in board if w["type"] == "alarm"]
    ids = {re.fullmatch(r"\$\{(\w+)\.Arn\}", arn)[1] for arn in widget["properties"]["alarms"]}  # type: ignore[index]
    assert ids == {name for name, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}


@pytest.mark.parametrize("on", [True, False])
def test_tracing_is_a_matter_of_the_stage_for_functions_and_api_alike(on: bool) -> None:
    stage, functions = replace(stages.load("prod"), xray=on), load(FUNCTIONS_TOML, STACK).values()
    resources = merge_template(stage, functions, "python3.11")["Resources"]
    assert resources["RestAPI"]["Properties"]["TracingEnabled"] is on
    assert resources["Sweep"]["Properties"]["Tracing"] == ("Active" if on else "PassThrough")


def test_commands_of_the_runbook_are_there() -> None:
    text = (ROOT / "docs" / "how-to" / "runbook.md").read_text()
    modules = set(re.findall(r"python -m (infra[.\w]+)", text))
    assert modules
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
    commands = set(re.findall(r"`once ([a-z]+)", text))
    assert commands
    for command in commands:
        assert (ROOT / "invoke_once" / "cli" / "commands" / f"{command}.py").exists(), command

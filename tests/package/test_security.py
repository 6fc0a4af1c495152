"""docs/explanation/security.md against the finished template: every statement is in the table, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from infra import stages
from infra.operate import security_doc
from infra.operate.security_doc import BEGIN, END, FILE, short
from infra.ship import package

Statement = tuple[str, tuple[str, ...], tuple[str, ...]]  # function, actions, resources


def allowed(template: dict[str, Any]) -> Iterator[Statement]:
    """What the template's functions may do, by the policies of the roles they have."""
    resources = template["Resources"]
    for found in resources.values():
        if found["Type"] != "AWS::Lambda::Function":
            continue
        name = short(found["Properties"]["FunctionName"]).removeprefix("STACK-")
        role = resources[found["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                on = tuple(sorted(short(r) for r in statement["Resource"]))
                yield name, tuple(sorted(statement["Action"])), on


def told(document: str) -> Iterator[Statement]:
    """What the table says, read as a person would."""
    table = document.partition(BEGIN)[2].partition(END)[0]
    for row in table.strip().splitlines()[2:]:
        names, actions, on, why = (cell.strip() for cell in row.strip("|").split(" | "))
        assert why, row
        for name in names.split(", "):
            written = [text.replace("STACK-NAME", f"STACK-{name}") for text in quoted(on)]
            yield name, tuple(sorted(quoted(actions))), tuple(sorted(r for text in written for r in unfolded(text)))


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def unfolded(text: str) -> list[str]:
    before, brace, rest = text.partition("{")
    names, _, after = rest.partition("}")
    return [f"{before}{name}{after}" for name in names.split(",")] if brace else [text]


def test_the_table_says_exactly_what_the_template_allows(template: dict[str, Any]) -> None:
    assert sorted(told(FILE.read_text())) == sorted(allowed(template))


def test_the_table_is_as_the_command_writes_it() -> None:
    text = FILE.read_text()
    assert security_doc.rewritten(text) == text, "run: .venv/bin/python -m infra.operate.security_doc"


def test_a_statement_that_nobody_wrote_down_would_show(template: dict[str, Any]) -> None:
    role = template["Resources"]["WakeRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    more = {"Effect": "Allow", "Action": ["dynamodb:Scan"], "Resource": [{"Fn::GetAtt": ["Runs", "Arn"]}]}
    changed = json.loads(json.dumps(template))
    changed["Resources"]["WakeRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"] = [
        *role["Statement"], more,
    ]  # fmt: skip
    assert set(allowed(changed)) - set(told(FILE.read_text())) == {("wake", ("dynamodb:Scan",), ("Runs",))}


def test_tracing_adds_its_two_actions_and_nothing_else(template: dict[str, Any]) -> None:
    traced = replace(stages.load("prod"), name="traced", xray=True)
    found = json.loads(package.package(traced).template.read_text())
    added = set(allowed(found)) - set(allowed(template))
    assert {actions for _, actions, _ in added} == {("xray:PutTelemetryRecords", "xray:PutTraceSegments")}
    assert {name for name, _, _ in added} == {name for name, _, _ in allowed(template)}


def test_nobody_may_scan_delete_runs_or_write_the_master_key(template: dict[str, Any]) -> None:
    everything = {(action, on) for _, actions, resources in allowed(template) for action in actions for on in resources}
    actions = {action for action, _ in everything}
    assert actions.isdisjoint({"dynamodb:Scan", "s3:DeleteObject", "ssm:PutParameter"})
    assert ("dynamodb:DeleteItem", "Runs") not in everything


def test_the_role_that_reads_the_stream_has_what_lambda_asks_for(template: dict[str, Any]) -> None:
    """AWS refuses to create the mapping without these (DynamoDB Developer Guide, Lambda's access to streams)."""
    needed = {f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}
    has = {a for name, actions, on in allowed(template) for a in actions if name == "stream" and "tream" in on[0]}
    assert needed <= has

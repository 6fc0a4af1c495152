"""What AWS does with the functions' roles, by the template: each role has what is needed, and nothing too little."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from infra.operate import least_privilege, reachable


def test_whatever_the_template_has_aws_do_the_role_allows(template: dict[str, Any]) -> None:
    assert reachable.missing(template) == []


def test_streams_queues_destinations_and_logs_are_among_it(template: dict[str, Any]) -> None:
    actions = {action for _, action, _ in reachable.needs(template)}
    assert actions >= {*reachable.STREAM, *reachable.QUEUE, *reachable.LOGS, "sqs:SendMessage", "lambda:InvokeFunction"}


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("StreamRole", "dynamodb:ListStreams"),
        ("WakeRole", "sqs:ReceiveMessage"),
        ("RecordRole", "sqs:SendMessage"),
        ("TargetNodeHelloRole", "lambda:InvokeFunction"),
        ("ApiHandlerRole", "logs:PutLogEvents"),
    ],
)
def test_a_role_that_lacks_something_is_seen(template: dict[str, Any], role: str, action: str) -> None:
    changed = copy.deepcopy(template)
    document = changed["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]
    document["Statement"] = [s for s in document["Statement"] if action not in s["Action"]]
    assert action in {need[1] for need in reachable.missing(changed)}


def test_a_statement_without_a_probe_is_one_that_aws_itself_needs(template: dict[str, Any]) -> None:
    """`make least-privilege` tries the others; a new statement belongs to the one or the other."""
    alone = [granted for granted in least_privilege.statements() if least_privilege.probe_of(granted) is None]
    assert len(alone) > 10
    assert [
        str(found) for granted in alone if not (found := least_privilege.on_template(template, granted)).needed
    ] == []

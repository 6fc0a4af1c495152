"""Where callbacks may go on AWS itself: the stage's allow-list, and a queue and a topic of the local stage."""

from __future__ import annotations

import json
from typing import Any

from infra.stages import Stage, filled
from infra.template.access import Grant
from infra.template.cfn import STACK, Resources, arn, resource, sub

#: What of each kind may be done to it, by its ARN's service.
ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "events": "events:PutEvents"}
WORDS = {"sqs": "queues", "sns": "topics", "events": "buses"}
NAME = f"{STACK}-callbacks"
#: Of the local stage; the names under which .local/once.env has their ARNs.
LOCAL = {
    "CallbackBus": arn("events", "event-bus/default"),
    "CallbackQueue": arn("sqs", NAME),
    "CallbackTopic": arn("sns", NAME),
}


def grants(stage: Stage) -> list[Grant]:
    """What `attend`, which sends callbacks, may do to them."""
    found: dict[str, list[str]] = {}
    for target in stage.allowed_targets:
        found.setdefault(_service(target), []).append(target)
    return [
        Grant(f"callbacks to the {WORDS[name]} of `callback_targets`", (ACTIONS[name],), tuple(map(_resource, arns)))
        for name, arns in sorted(found.items())
    ]


def environment(stage: Stage) -> dict[str, Any]:
    """The allow-list, as chalicelib/settings.py reads it."""
    if not stage.allowed_targets:
        return {}
    text = json.dumps(stage.allowed_targets, separators=(",", ":"))
    return {"ONCE_CALLBACK_TARGETS": sub(text) if "${" in text else text}


def resources(stage: Stage) -> Resources:
    """Of the local stage alone: elsewhere they are the operator's own."""
    if not stage.local:
        return {}
    return {
        "CallbackQueue": resource("AWS::SQS::Queue", {"QueueName": sub(NAME)}),
        "CallbackTopic": resource("AWS::SNS::Topic", {"TopicName": sub(NAME)}),
    }


def outputs(stage: Stage) -> dict[str, Any]:
    return {name: {"Value": value} for name, value in LOCAL.items()} if stage.local else {}


def _service(target: str) -> str:
    return filled(target).split(":")[2]


def _resource(target: str) -> Any:
    return sub(target) if "${" in target else target

"""Functions that run on a schedule: an AWS::Events::Rule each, aimed at the function itself, not at the API.

What arrives is EventBridge's own event with its own id, so that a delivery which AWS repeats is the same run; its
`detail` is the function's `schedule_input`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.functions import Function
from infra.template.cfn import STACK, Resources, arn_of, camel, resource, sub

#: Members of a scheduled event that stay as they are (EventBridge User Guide, "Input transformation").
KEPT = ("version", "id", "detail-type", "source", "account", "time", "region", "resources")


def resources(functions: Iterable[Function]) -> Resources:
    found: Resources = {}
    for function in functions:
        if function.schedule:
            name = f"Target{camel(function.name)}"
            found[f"{name}Schedule"] = resource("AWS::Events::Rule", _rule(function, name))
            found[f"{name}SchedulePermission"] = resource("AWS::Lambda::Permission", _permission(name))
    return found


def _rule(function: Function, logical_id: str) -> dict[str, Any]:
    return {
        "Name": sub(f"{STACK}-{function.name}"),
        "Description": f"Runs {function.name}",
        "ScheduleExpression": function.schedule,
        "State": "ENABLED",
        "Targets": [{"Id": "run", "Arn": arn_of(logical_id), "InputTransformer": _event(function)}],
    }


def _event(function: Function) -> dict[str, Any]:
    # <…> stands for a variable, also inside the input's own texts: escaped, it stands for itself
    detail = json.dumps(function.schedule_input or {}).replace("<", "\\u003c").replace(">", "\\u003e")
    members = [f'"{name}": <{_variable(name)}>' for name in KEPT]
    return {
        "InputPathsMap": {_variable(name): f"$.{name}" for name in KEPT},
        "InputTemplate": "{" + ", ".join([*members, f'"detail": {detail}']) + "}",
    }


def _variable(name: str) -> str:
    return name.replace("-", "")


def _permission(logical_id: str) -> dict[str, Any]:
    return {
        "FunctionName": arn_of(logical_id),
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": arn_of(f"{logical_id}Schedule"),
    }

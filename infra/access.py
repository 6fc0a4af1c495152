"""Least privilege: what each function may do, as exact actions on exact resources; one role a function.

`docs/security.md` has the same list with the reasons, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib import targets
from chalicelib.functions import Function
from chalicelib.targets import Target
from infra.cfn import STACK, Statement, allow, arn, arn_of, sub

OBJECTS = sub("${Bucket.Arn}/*")
MASTER_KEY = arn("ssm", f"parameter/{STACK}/master-key")


def service(name: str, functions: list[Function]) -> list[Statement]:
    """The statements of one of the service's own functions, its logs included."""
    return [*SERVICE[name](functions), own_logs(name)]


def target(function: Function) -> list[Statement]:
    """The statements of a function deployed from functions.toml: its run, payloads, outcome, and its own."""
    statements = [allow(["lambda:InvokeFunction"], own("record")), own_logs(function.name)]
    if function.mode == "tracked":
        statements += [
            allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], arn_of("Runs")),
            allow(["s3:GetObject", "s3:PutObject"], OBJECTS),
        ]
    for permission in function.permissions:
        statements.append(allow(list(permission["actions"]), *map(sub, permission["resources"])))
    return statements


def own(name: str) -> dict[str, str]:
    """The ARN of this stack's function; by name, so that roles and functions do not wait for each other."""
    return arn("lambda", f"function:{STACK}-{name}")


def own_logs(name: str) -> Statement:
    return allow(["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", f"log-group:/aws/lambda/{STACK}-{name}:*"))


def xray() -> Statement:
    # X-Ray knows no resources for these
    return allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")


def _api(functions: list[Function]) -> list[Statement]:
    heads = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    return [
        allow(heads, arn_of("Runs")),
        allow(["dynamodb:Query"], _index("by_tenant"), _index("failed")),
        allow(["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"], arn_of("Tokens")),
        allow(["dynamodb:Query"], sub("${Tokens.Arn}/index/by_tenant")),
        _invoke(functions, "attend"),
        allow(["s3:GetObject", "s3:PutObject"], OBJECTS),
        allow(["logs:FilterLogEvents", "logs:GetLogEvents"], *[arn for f in functions for arn in _log_group(f)]),
        allow(["ssm:GetParameter"], MASTER_KEY),
    ]


def _stream(_functions: list[Function]) -> list[Statement]:
    reading = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    return [
        allow(reading, {"Fn::GetAtt": ["Runs", "StreamArn"]}),
        allow(["lambda:InvokeFunction"], own("attend")),
        allow(["sqs:SendMessage"], arn_of("WakeQueue"), arn_of("StreamFailures")),
    ]


def _wake(_functions: list[Function]) -> list[Statement]:
    receiving = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [allow(receiving, arn_of("WakeQueue")), allow(["lambda:InvokeFunction"], own("attend"))]


def _sweep(functions: list[Function]) -> list[Statement]:
    return [
        allow(["dynamodb:Query"], _index("due")),
        allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], arn_of("Runs")),
        _invoke(functions, "attend"),
        allow(["s3:GetObject"], OBJECTS),
    ]


def _attend(functions: list[Function]) -> list[Statement]:
    return [
        allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], arn_of("Runs")),
        _invoke(functions),
        allow(["s3:GetObject"], OBJECTS),
        allow(["ssm:GetParameter"], MASTER_KEY),
    ]


def _record(_functions: list[Function]) -> list[Statement]:
    return [
        allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], arn_of("Runs")),
        allow(["s3:PutObject"], OBJECTS),
        allow(["sqs:SendMessage"], arn_of("RecordFailures")),
    ]


def _index(name: str) -> dict[str, str]:
    return sub(f"${{Runs.Arn}}/index/{name}")


def _invoke(functions: list[Function], *names: str) -> Statement:
    return allow(["lambda:InvokeFunction"], *[_function_arn(f) for f in functions], *map(own, names))


def _function_arn(function: Function) -> Any:
    if function.deployed:
        return own(function.name)
    target = targets.of(function)
    qualifier = f":{target.qualifier}" if target.qualifier else ""
    return _arn_of_target(target, "lambda", f"function:{target.name}{qualifier}")


def _arn_of_target(target: Target, service: str, resource: str) -> Any:
    """In the stack's own partition, region and account, where the target names no other."""
    partition, region, account = (
        target.partition or "${AWS::Partition}",
        target.region or "${AWS::Region}",
        target.account or "${AWS::AccountId}",
    )
    text = f"arn:{partition}:{service}:{region}:{account}:{resource}"
    return sub(text) if "${" in text else text


def _log_group(function: Function) -> list[Any]:
    """Of the group (FilterLogEvents) and of its streams (GetLogEvents)."""
    if function.deployed:
        group = f"log-group:/aws/lambda/{STACK}-{function.name}"
        return [arn("logs", group), arn("logs", f"{group}:*")]
    target = targets.of(function)
    group = f"log-group:/aws/lambda/{target.name}"
    return [_arn_of_target(target, "logs", group), _arn_of_target(target, "logs", f"{group}:*")]


SERVICE: dict[str, Callable[[list[Function]], list[Statement]]] = {
    "api": _api,
    "stream": _stream,
    "wake": _wake,
    "sweep": _sweep,
    "attend": _attend,
    "record": _record,
}

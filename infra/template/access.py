"""Least privilege: what each function may do, as exact actions on exact resources; one role a function.

`docs/explanation/security.md` has the same list with the reasons, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.functions import Function, target_of
from chalicelib.targets import Target
from infra.stages import Stage
from infra.template.cfn import STACK, Statement, allow, arn, arn_of, sub
from invoke_once import outside

OBJECTS = sub("${Bucket.Arn}/*")
INPUTS = sub("${Bucket.Arn}/*/in/*")
STATES = sub("${Bucket.Arn}/*/state/*")
MASTER_KEY = arn("ssm", f"parameter/{STACK}/master-key")


@dataclass(frozen=True)
class Grant:
    """One statement of a role, and the reason for it, which docs/explanation/security.md shows."""

    why: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    only_if: Statement | None = None  # the statement's Condition

    def statement(self) -> Statement:
        return allow(list(self.actions), *self.resources, only_if=self.only_if)


def service(name: str, functions: list[Function]) -> list[Grant]:
    """What one of the service's own functions may do, its logs included."""
    return [*SERVICE[name](functions), own_logs(name)]


def target(function: Function, *, any_run: bool = False) -> list[Grant]:
    """What a function deployed from functions.toml may do: its own runs, payloads, outcomes, and what it asks for.

    `any_run`: also those of other functions, as long as runs of 0.1.0 are under way (infra/stages.toml).
    """
    grants = [_may("Lambda tells `record` how an event ended", ["lambda:InvokeFunction"], own("record"))]
    if function.mode == "tracked":
        moves = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        grants += [
            _may(
                "claim its run, tell progress and the outcome, register a direct call",
                moves,
                arn_of("Runs"),
                only_if=None if any_run else outside.own_runs(function.name),
            ),
            _may(
                "large inputs and outputs",
                ["s3:GetObject", "s3:PutObject"],
                OBJECTS if any_run else sub(f"${{Bucket.Arn}}/{function.name}/*"),
            ),
            _objects_that_are_missing(f"{function.name}/*"),
        ]
    for permission in function.permissions:
        why = f"its own: `permissions` of {function.name} in functions.toml"
        grants.append(_may(why, list(permission.actions), *map(sub, permission.resources)))
    return [*grants, own_logs(function.name)]


def own(name: str) -> dict[str, str]:
    """The ARN of this stack's function; by name, so that roles and functions do not wait for each other."""
    return arn("lambda", f"function:{STACK}-{name}")


def own_logs(name: str) -> Grant:
    group = arn("logs", f"log-group:/aws/lambda/{STACK}-{name}:*")
    return _may("its log lines, and the metrics in them", ["logs:CreateLogStream", "logs:PutLogEvents"], group)


def of_stage(stage: Stage) -> list[Grant]:
    """What a stage's options ask of every role."""
    grants = []
    if stage.xray:  # X-Ray knows no resources for these
        actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        grants.append(_may("traces; X-Ray has no resources", actions, "*"))
    if (
        stage.vpc_subnets
    ):  # nor does EC2 for what Lambda does here (Lambda Developer Guide, "VPC": required permissions)
        actions = ["AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface",
                   "DescribeNetworkInterfaces", "DescribeSubnets", "UnassignPrivateIpAddresses"]  # fmt: skip
        grants.append(_may("its place in your network", [f"ec2:{action}" for action in actions], "*"))
    if stage.kms_key_arn:
        through = [f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}" for service in ("dynamodb", "s3", "sqs", "ssm")]
        only_if = {"StringEquals": {"kms:ViaService": [sub(name) for name in through]}}
        actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
        grants.append(_may("what is encrypted under your key", actions, stage.kms_key_arn, only_if=only_if))
    return grants


def _may(why: str, actions: list[str], *resources: Any, only_if: Statement | None = None) -> Grant:
    return Grant(why, tuple(actions), resources, only_if)


def _objects_that_are_missing(prefix: str) -> Grant:
    """Without it S3 answers a missing object as a refused one (API reference, GetObject, "Permissions")."""
    why = "that a missing object is told as missing"
    return _may(why, ["s3:ListBucket"], arn_of("Bucket"), only_if=outside.only_under(prefix))


def _api(functions: list[Function]) -> list[Grant]:
    heads = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    logs = [arn for f in functions for arn in _log_group(f)]
    indexes = ("by_tenant", "failed", "due", "waiting")
    return [
        _may("accept, show, cancel and redrive runs; the log of callbacks", heads, arn_of("Runs")),
        _may(
            "lists; how many runs are in flight",
            ["dynamodb:Query"],
            *map(_index, indexes),
        ),
        _may("tokens", ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"], arn_of("Tokens")),
        _may("a tenant's tokens", ["dynamodb:Query"], sub("${Tokens.Arn}/index/by_tenant")),
        _may("fire what was accepted, at once", ["lambda:InvokeFunction"], *_targets(functions), own("attend")),
        _may("large inputs and outputs, and links to them", ["s3:GetObject"], OBJECTS),
        _may("large inputs and checkpoints", ["s3:PutObject"], INPUTS, STATES),
        _objects_that_are_missing("*/*"),
        _may("`GET /runs/{id}/logs`", ["logs:FilterLogEvents", "logs:GetLogEvents"], *logs),
        _may("the key that cursors are sealed with and webhook secrets come from", ["ssm:GetParameter"], MASTER_KEY),
    ]


def _letting_through() -> list[Grant]:
    """What handing a slot on to who waits needs, beside firing."""
    moves = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    return [
        _may("who waits for a slot", ["dynamodb:Query"], _index("waiting")),
        _may("let who waits through; the slots of a limit", moves, arn_of("Runs")),
        _may("the large input of a run that waited", ["s3:GetObject"], INPUTS),
        _objects_that_are_missing("*/in/*"),
    ]


def _stream(functions: list[Function]) -> list[Grant]:
    reading = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    streams = sub("${Runs.Arn}/stream/*")
    return [
        _may("read the table's stream", reading, {"Fn::GetAtt": ["Runs", "StreamArn"]}),
        _may("Lambda wants it of whoever reads a stream", ["dynamodb:ListStreams"], streams),
        _may(
            "have a run looked at now; fire who waited for a slot",
            ["lambda:InvokeFunction"],
            *_targets(functions),
            own("attend"),
        ),
        _may("have a run looked at later", ["sqs:SendMessage"], arn_of("WakeQueue")),
        *_letting_through(),
        _may("keep records that could not be handled", ["sqs:SendMessage"], arn_of("StreamFailures")),
    ]


def _wake(_functions: list[Function]) -> list[Grant]:
    receiving = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [
        _may("read the wake queue", receiving, arn_of("WakeQueue")),
        _may("have a run looked at now", ["lambda:InvokeFunction"], own("attend")),
    ]


def _sweep(functions: list[Function]) -> list[Grant]:
    return [
        _may("what is due; who waits for a slot", ["dynamodb:Query"], *map(_index, ("due", "waiting"))),
        _may(
            "look at each and move it",
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"],
            arn_of("Runs"),
        ),
        _may("fire again; have callbacks sent", ["lambda:InvokeFunction"], *_targets(functions), own("attend")),
        _may("the large input of a run that is fired again", ["s3:GetObject"], INPUTS),
        _objects_that_are_missing("*/in/*"),
    ]


def _attend(functions: list[Function]) -> list[Grant]:
    moves = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [
        _may("look at a run and move it; the log of callbacks", moves, arn_of("Runs")),
        _may("the runs and chunks of a batch", ["dynamodb:Query"], arn_of("Runs")),
        _may("fire what is due; have a batch spread", ["lambda:InvokeFunction"], *_targets(functions), own("attend")),
        _may("the runs of a bulk job", ["dynamodb:Query"], *map(_index, ("by_tenant", "failed"))),
        _may(
            "large inputs and checkpoints; a batch's items",
            ["s3:GetObject", "s3:PutObject"],
            INPUTS,
            STATES,
        ),
        _may("who waits for a slot", ["dynamodb:Query"], _index("waiting")),
        _objects_that_are_missing("*/*"),
        _may("the key that webhook secrets come from", ["ssm:GetParameter"], MASTER_KEY),
    ]


def _record(_functions: list[Function]) -> list[Grant]:
    moves = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [
        _may("record outcomes; register what was invoked without the service", moves, arn_of("Runs")),
        _may("large outputs, and inputs it registers", ["s3:PutObject"], OBJECTS),
        _may("keep outcomes that could not be recorded", ["sqs:SendMessage"], arn_of("RecordFailures")),
    ]


def _index(name: str) -> dict[str, str]:
    return sub(f"${{Runs.Arn}}/index/{name}")


def _targets(functions: list[Function]) -> list[Any]:
    return [_function_arn(function) for function in functions]


def _function_arn(function: Function) -> Any:
    if function.deployed:
        return own(function.name)
    target = target_of(function)
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
    target = target_of(function)
    group = f"log-group:{function.log_group or f'/aws/lambda/{target.name}'}"
    return [_arn_of_target(target, "logs", group), _arn_of_target(target, "logs", f"{group}:*")]


SERVICE: dict[str, Callable[[list[Function]], list[Grant]]] = {
    "api": _api,
    "stream": _stream,
    "wake": _wake,
    "sweep": _sweep,
    "attend": _attend,
    "record": _record,
}

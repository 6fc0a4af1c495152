"""What AWS refuses at a deploy and ministack 1.5.33 does not: refused here too, in AWS's words where these are known.

    order        resources are created in the worst order that their references allow (`order.py`)
    existence    a role, a source, a destination, a dead-letter queue, a topic, a bucket, a zip that is not there
    rights       a mapping's source or a destination that the function's role may not reach (Lambda Developer Guide,
                 "Event source mappings", "Destinations": execution role permissions)
    names        a table, a bucket, a log group or a function that is there already and is not taken up
    sizes        policies (IAM: 10 240 and 6 144 characters, ten managed ones), a function's environment (4 KB)

What it does besides: `_validation_errors` (services/cloudformation/stacks.py, line 621) calls a bucket "already exists"
also where the change set takes it up; AWS does not. Imported by the launcher alone: it needs ministack.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import cloudwatch_logs, dynamodb, iam, lambda_svc, s3, sns, sqs
from ministack.services.cloudformation import engine, stacks

from infra.local.order import worst

INLINE_CHARS, MANAGED_CHARS, MANAGED_POLICIES, ENVIRONMENT_BYTES = 10_240, 6_144, 10, 4_096
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
QUEUE = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
Properties = Mapping[str, Any]

_taken_up: ContextVar[frozenset[str]] = ContextVar("taken_up", default=frozenset())
_provision: Callable[..., Any] = stacks._provision_resource
_deploy: Callable[..., Any] = stacks._deploy_stack_async
_errors: Callable[..., Any] = stacks._validation_errors


class Refused(ValueError):
    """AWS would not create it; the message is what the stack's event says."""


def install() -> None:
    """From now on the emulator is as strict as this module."""
    stacks._topological_sort = _in_the_worst_order
    stacks._provision_resource = _provisioning
    stacks._validation_errors = _without_what_is_taken_up
    for module in (stacks, *_who_deploys()):
        module._deploy_stack_async = _deploying


def _who_deploys() -> Iterator[Any]:
    from ministack.services.cloudformation import changesets, handlers

    yield from (changesets, handlers)


def _in_the_worst_order(resources: dict[str, Any], conditions: Mapping[str, bool]) -> list[str]:
    active = {name: r for name, r in resources.items() if conditions.get(r.get("Condition"), True)}
    before = {name: engine._extract_deps(resource, set(active)) - {name} for name, resource in active.items()}
    return worst({name: resource.get("Type", "") for name, resource in active.items()}, before.__getitem__)


async def _deploying(*given: Any, **named: Any) -> None:
    token = _taken_up.set(frozenset(named.get("imports") or ()))
    try:
        await _deploy(*given, **named)
    finally:
        _taken_up.reset(token)


def _without_what_is_taken_up(*given: Any, **named: Any) -> list[Any]:
    return [error for error in _errors(*given, **named) if error[0] not in _taken_up.get()]


def _provisioning(kind: str, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    check = CHECKS.get(kind)
    if check is not None:
        check(properties)
    return _provision(kind, logical_id, properties, stack)


def _function(properties: Properties) -> None:
    _is_new("AWS::Lambda::Function", properties.get("FunctionName"), lambda_svc._functions)
    if _role_name(properties["Role"]) not in iam._roles:
        raise Refused("The role defined for the function cannot be assumed by Lambda.")
    code = properties.get("Code", {})
    if "S3Key" in code and lambda_svc._fetch_code_from_s3(code["S3Bucket"], code["S3Key"]) is None:
        raise Refused("Error occurred while GetObject. S3 Error Code: NoSuchKey.")
    variables = properties.get("Environment", {}).get("Variables", {})
    size = len(json.dumps(variables, separators=(",", ":")))
    if size > ENVIRONMENT_BYTES:
        raise Refused(f"Lambda was unable to configure your environment variables: {size} bytes exceed the 4KB limit.")


def _role(properties: Properties) -> None:
    inline = sum(_characters(policy["PolicyDocument"]) for policy in properties.get("Policies", []))
    if inline > INLINE_CHARS:
        raise Refused(f"Maximum policy size of {INLINE_CHARS} bytes exceeded for role ({inline})")
    if len(properties.get("ManagedPolicyArns", [])) > MANAGED_POLICIES:
        raise Refused(f"Cannot exceed quota for PoliciesPerRole: {MANAGED_POLICIES}")


def _managed_policy(properties: Properties) -> None:
    if _characters(properties["PolicyDocument"]) > MANAGED_CHARS:
        raise Refused(f"Cannot exceed quota for PolicySize: {MANAGED_CHARS}")


def _event_invoke_config(properties: Properties) -> None:
    record = _known_function(properties["FunctionName"])
    for destination in _destinations(properties):
        if not _is_there(destination):
            raise Refused(f"The destination ARN {destination} is invalid.")
        action = "lambda:InvokeFunction" if ":lambda:" in destination else "sqs:SendMessage"
        _may(record, action, destination)


def _mapping(properties: Properties) -> None:
    record, source = _known_function(properties["FunctionName"]), properties["EventSourceArn"]
    if not _is_there(source):
        raise Refused(f"Error occurred while looking the event source up: {source} does not exist.")
    for action in STREAM if ":dynamodb:" in source else QUEUE:
        _may(record, action, source)
    for destination in _destinations(properties):
        if not _is_there(destination):
            raise Refused(f"The destination ARN {destination} is invalid.")
        _may(record, "sqs:SendMessage", destination)


def _permission(properties: Properties) -> None:
    _known_function(properties["FunctionName"])


def _queue(properties: Properties) -> None:
    dead = (properties.get("RedrivePolicy") or {}).get("deadLetterTargetArn")
    if dead and not _is_there(dead):
        raise Refused(
            f"Value for parameter RedrivePolicy is invalid. Reason: Dead letter target {dead} does not exist."
        )


def _subscription(properties: Properties) -> None:
    if not _is_there(properties["TopicArn"]):
        raise Refused("Topic does not exist")


def _bucket_policy(properties: Properties) -> None:
    if properties["Bucket"] not in s3._buckets:
        raise Refused("The specified bucket does not exist")


def _table(properties: Properties) -> None:
    _is_new("AWS::DynamoDB::Table", properties.get("TableName"), dynamodb._tables)


def _bucket(properties: Properties) -> None:
    _is_new("AWS::S3::Bucket", properties.get("BucketName"), s3._buckets)


def _log_group(properties: Properties) -> None:
    _is_new("AWS::Logs::LogGroup", properties.get("LogGroupName"), cloudwatch_logs._log_groups)


CHECKS: Mapping[str, Callable[[Properties], None]] = {
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Lambda::Permission": _permission,
    "AWS::IAM::Role": _role,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::SQS::Queue": _queue,
    "AWS::SNS::Subscription": _subscription,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::DynamoDB::Table": _table,
    "AWS::Logs::LogGroup": _log_group,
}


def _is_new(kind: str, name: str | None, known: Any) -> None:
    if name and name in known:
        raise Refused(f"Resource of type '{kind}' with identifier '{name}' already exists.")


def _known_function(name: str) -> Any:
    found = lambda_svc._get_func_record_for_ref(name)
    if found[0] is None:
        raise Refused(f"Function not found: {name}")
    return found[1]


def _destinations(properties: Properties) -> Iterator[str]:
    for end in (properties.get("DestinationConfig") or {}).values():
        if end.get("Destination"):
            yield end["Destination"]


def _is_there(arn: str) -> bool:
    service, name = arn.split(":")[2], arn.split(":", 5)[5]
    if service == "lambda":
        return lambda_svc._get_func_record_for_ref(arn)[0] is not None
    if service == "sqs":
        return sqs._queue_by_arn(arn) is not None
    if service == "sns":
        return arn in sns._topics
    if service == "dynamodb":
        return name.split("/")[1] in dynamodb._tables
    return True  # of other services nothing is known here


def _may(config: Properties, action: str, resource: str) -> None:
    """The function's role may do it now: Lambda asks when it creates a mapping or a destination."""
    role, account = _role_name(config["Role"]), config["Role"].split(":")[4]
    asked = iam_evaluator.EvalContext(
        principal_arn=config["Role"], principal_type="AssumedRole", principal_account=account, action=action,
        resource_arn=resource, region=resource.split(":")[3],
    )  # fmt: skip
    if iam_evaluator.evaluate(asked, iam_evaluator._gather_role_policies(role, account)).decision != "Allow":
        call = action.partition(":")[2]
        raise Refused(f"The function execution role does not have permissions to call {call} on {resource}")


def _role_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _characters(document: Any) -> int:
    return len(json.dumps(document, separators=(",", ":")))

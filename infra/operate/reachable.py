"""What AWS itself does with a function's role, because the template says so; and what a role would need for it.

Reading a queue or a stream, telling a destination, writing log lines: nobody's code asks for these, AWS does, and the
emulator does not check. `missing` finds what a role lacks, on the finished template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.operate.security_doc import short

STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
QUEUE = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
Need = tuple[str, str, str]  # logical id of the function, action, resource as `short` writes it


def missing(template: dict[str, Any]) -> list[Need]:
    """What AWS would be refused."""
    may = {id_: set(_allowed(template, id_)) for id_ in _functions(template)}
    return [need for need in needs(template) if not any(_covers(found, need[1:]) for found in may[need[0]])]


def needs(template: dict[str, Any]) -> Iterator[Need]:
    """Everything AWS does with a role (Lambda Developer Guide: event source mappings, destinations, logs)."""
    for id_, found in _functions(template).items():
        for action in LOGS:
            yield id_, action, f"logs log-group:/aws/lambda/{short(found['FunctionName'])}:*"
        if any(action == "s3:GetObject" and on.startswith("Bucket/") for action, on in _allowed(template, id_)):
            yield id_, "s3:ListBucket", "Bucket"  # S3 asks for it before it says that an object is missing
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            yield from _of_mapping(template, _named(properties["FunctionName"]), properties)
        if resource["Type"] == "AWS::Lambda::EventInvokeConfig":
            for told in properties.get("DestinationConfig", {}).values():
                yield _of_destination(template, _named(properties["FunctionName"]), told["Destination"])


def _of_mapping(template: dict[str, Any], function: str, properties: dict[str, Any]) -> Iterator[Need]:
    source = short(properties["EventSourceArn"])
    is_stream = source.endswith(".StreamArn")
    for action in STREAM if is_stream else QUEUE:
        yield function, action, source
    failed = properties.get("DestinationConfig", {}).get("OnFailure")
    if failed:
        yield _of_destination(template, function, failed["Destination"])


def _of_destination(template: dict[str, Any], function: str, destination: Any) -> Need:
    told = _functions(template).get(_named(destination))
    if told is None:
        return function, "sqs:SendMessage", short(destination)
    return function, "lambda:InvokeFunction", f"lambda function:{short(told['FunctionName'])}"


def _functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    resources = template["Resources"].items()
    return {id_: r["Properties"] for id_, r in resources if r["Type"] == "AWS::Lambda::Function"}


def _allowed(template: dict[str, Any], function: str) -> Iterator[tuple[str, str]]:
    role = template["Resources"][function]["Properties"]["Role"]["Fn::GetAtt"][0]
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in statement["Action"]:
                for resource in statement["Resource"]:
                    yield action, short(resource)


def _covers(found: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """The same, or the streams of the table whose stream is meant."""
    on = found[1].replace("/stream/*", ".StreamArn")
    return (found[0], on) == wanted


def _named(reference: Any) -> str:
    """The logical id a Ref or an Arn stands for."""
    return str(reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0])

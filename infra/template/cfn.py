"""Words of CloudFormation, so that the template's own files read as what they mean."""

from __future__ import annotations

from typing import Any

Resources = dict[str, dict[str, Any]]
Statement = dict[str, Any]

STACK = "${AWS::StackName}"


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn_of(resource: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def arn(service: str, resource: str) -> dict[str, str]:
    """An ARN in this stack's partition, region and account."""
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def allow(actions: list[str], *resources: Any, only_if: Statement | None = None) -> Statement:
    statement = {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
    return statement | ({"Condition": only_if} if only_if else {})


def camel(name: str) -> str:
    """A logical id's form of a name: node-hello → NodeHello."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("_", "-").split("-"))


def resource(kind: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties, **more}


RETAIN = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}

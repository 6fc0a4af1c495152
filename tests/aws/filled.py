"""A finished template with its references filled in, as CloudFormation would: what a role may do becomes plain ARNs."""

from __future__ import annotations

import json
import re
from typing import Any

STACK, ACCOUNT, REGION = "invoke-once-prod", "111122223333", "eu-central-1"
PSEUDO = {
    "AWS::StackName": STACK,
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
#: type: (the property that names it, its ARN by that name)
ARNS = {
    "AWS::Lambda::Function": ("FunctionName", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"),
    "AWS::DynamoDB::Table": ("TableName", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/"),
    "AWS::SQS::Queue": ("QueueName", f"arn:aws:sqs:{REGION}:{ACCOUNT}:"),
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::"),
    "AWS::SNS::Topic": ("TopicName", f"arn:aws:sns:{REGION}:{ACCOUNT}:"),
    "AWS::Events::Rule": ("Name", f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"),
}


class Filled:
    """One template, and what its references come to."""

    def __init__(self, template: dict[str, Any], parameters: dict[str, str] | None = None) -> None:
        self.resources: dict[str, dict[str, Any]] = template["Resources"]
        declared = template.get("Parameters", {})
        self._values = {name: str(p.get("Default", f"given-{name}")) for name, p in declared.items()}
        self._values |= PSEUDO | (parameters or {})

    def name(self, logical_id: str) -> str:
        """The resource's physical name, where the template gives one; else a made-up one."""
        found = self.resources[logical_id]
        key = ARNS.get(found["Type"], ("Name", ""))[0]
        given = found.get("Properties", {}).get(key)
        return str(self.of(given)) if given is not None else f"{STACK}-{logical_id}-made-up"

    def arn(self, logical_id: str) -> str:
        kind = self.resources[logical_id]["Type"]
        return ARNS[kind][1] + self.name(logical_id) if kind in ARNS else f"arn:aws:made-up:::{logical_id}"

    def of(self, value: Any) -> Any:
        """The value without references."""
        match value:
            case {"Ref": str(name)}:
                return self._values[name] if name in self._values else self.name(name)
            case {"Fn::GetAtt": [name, attribute]} | {"Fn::GetAtt": {"0": name, "1": attribute}}:
                return self._attribute(name, attribute)
            case {"Fn::Sub": str(text)}:
                return re.sub(r"\$\{([^}!]+)\}", lambda m: self._named(m[1]), text)
            case {"Fn::Join": [glue, parts]}:
                return glue.join(str(self.of(part)) for part in parts)
            case dict():
                return {key: self.of(inner) for key, inner in value.items()}
            case list():
                return [self.of(inner) for inner in value]
        return value

    def _named(self, text: str) -> str:
        name, _, attribute = text.partition(".")
        return str(self._attribute(name, attribute) if attribute else self.of({"Ref": name}))

    def _attribute(self, name: str, attribute: str) -> str:
        extra = "/stream/2026-01-01T00:00:00.000" if attribute == "StreamArn" else ""
        return self.arn(name) + extra

    def role_of(self, function: str) -> dict[str, Any]:
        """The properties of the role that a function has, filled in."""
        role = self.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        found: dict[str, Any] = self.of(self.resources[role]["Properties"])
        return found

    def statements(self, function: str) -> list[dict[str, Any]]:
        """Everything its role says: policies of its own, and managed ones of the template."""
        role = self.resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]
        properties = self.resources[role]["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for managed in properties.get("ManagedPolicyArns", []):
            documents.append(self.resources[managed["Ref"]]["Properties"]["PolicyDocument"])
        for found in self.resources.values():
            if found["Type"] == "AWS::IAM::ManagedPolicy" and {"Ref": role} in found["Properties"].get("Roles", []):
                documents.append(found["Properties"]["PolicyDocument"])
        return [self.of(statement) for document in documents for statement in document["Statement"]]


def size(document: Any) -> int:
    """Characters of a policy as IAM counts them: without white space (IAM User Guide, "IAM and STS quotas")."""
    return len(json.dumps(document, separators=(",", ":")))

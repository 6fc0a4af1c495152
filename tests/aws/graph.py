"""Which resource waits for which when CloudFormation creates a template, and which names another without waiting.

CloudFormation orders by reference (Ref, Fn::GetAtt, Fn::Sub) and DependsOn alone. A name or an ARN put together from
text is no reference: where AWS looks the other resource up while it creates this one, the creation fails if that one
happens to come later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.aws.filled import ARNS, Filled

#: types whose creation AWS checks against others that they name. Not a function's environment or a role's policy:
#: nobody looks these up. Not an alarm's dimensions either.
LOOKED_UP = frozenset({
    "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission",
    "AWS::Lambda::Alias", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SQS::Queue",
    "AWS::ApiGateway::Stage", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::BasePathMapping",
    "AWS::Events::Rule", "AWS::WAFv2::WebACLAssociation", "AWS::StepFunctions::StateMachine",
})  # fmt: skip
#: properties of a function that AWS looks up when it creates it
OF_A_FUNCTION = ("Role", "Layers", "DeadLetterConfig", "KmsKeyArn")


def references(value: Any) -> Iterator[str]:
    """Logical ids, and parameters, that a value refers to."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (found.partition(".")[0] for found in re.findall(r"\$\{([^}!]+)\}", text))
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def waits_for(template: dict[str, Any]) -> dict[str, set[str]]:
    """For each resource all that is created before it, for certain."""
    resources = template["Resources"]
    direct = {}
    for name, resource in resources.items():
        depends = resource.get("DependsOn", [])
        named = [depends] if isinstance(depends, str) else depends
        direct[name] = {*references(resource.get("Properties", {})), *named} & set(resources)
    found: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in found:
            found[name] = set()
            for before in direct[name]:
                found[name] |= {before} | reach(before)
        return found[name]

    for name in resources:
        reach(name)
    return found


def named_by_text(template: dict[str, Any]) -> list[tuple[str, str]]:
    """(resource, what it names and does not wait for), where AWS looks it up."""
    filled, waits = Filled(template), waits_for(template)
    known: dict[str, set[str]] = {}  # a queue and a function may have one name: it is enough to wait for either
    for logical, resource in template["Resources"].items():
        if resource["Type"] in ARNS:
            for text in (filled.name(logical), filled.arn(logical)):
                known.setdefault(text, set()).add(logical)
    found = set()
    for logical, resource in template["Resources"].items():
        for text in _looked_up(filled, resource):
            others = known.get(text, set())
            if others and not others & {logical, *waits[logical]}:
                found.add((logical, min(others)))
    return sorted(found)


def _looked_up(filled: Filled, resource: dict[str, Any]) -> Iterator[str]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Lambda::Function":
        properties = {key: properties[key] for key in OF_A_FUNCTION if key in properties}
    elif resource["Type"] not in LOOKED_UP:
        return
    own_name = ARNS.get(resource["Type"], ("",))[0]
    properties = {key: value for key, value in properties.items() if key != own_name}
    yield from _texts(filled.of(properties))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)

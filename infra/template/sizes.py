"""What AWS takes at most, measured on the finished template: refused when packaging and not at the deploy.

CloudFormation User Guide, "Quotas" (500 resources, 200 parameters and outputs, 1 MB from S3); Lambda Developer Guide,
"Quotas" (4 KB of environment); IAM User Guide, "IAM and STS quotas".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infra.template.roles import characters

RESOURCES, PARAMETERS, OUTPUTS = 500, 200, 200
TEMPLATE_BYTES = 1_000_000
ENVIRONMENT_BYTES = 4_096
INLINE_CHARS, MANAGED_CHARS, MANAGED_POLICIES = 10_240, 6_144, 10


class TooLarge(Exception):
    """AWS would refuse the template; the message says what is too large, and by what."""


def check(template: dict[str, Any], stack: str) -> None:
    """Raises `TooLarge`."""
    found = list(over(template, stack))
    if found:
        raise TooLarge(f"AWS would refuse the template: {'; '.join(found)}")


def over(template: dict[str, Any], stack: str) -> Iterator[str]:
    """Everything that is too large, in words."""
    counted = (("resources", "Resources", RESOURCES), ("parameters", "Parameters", PARAMETERS),
               ("outputs", "Outputs", OUTPUTS))  # fmt: skip
    for what, section, limit in counted:
        if len(template.get(section, {})) > limit:
            yield f"{len(template[section])} {what}, and it takes {limit}: fewer functions, or a second stack"
    if (size := len(json.dumps(template, indent=1))) > TEMPLATE_BYTES:
        yield f"{size} bytes, and it takes {TEMPLATE_BYTES}"
    for name, resource in template["Resources"].items():
        yield from _of_resource(name, resource["Type"], resource.get("Properties", {}), stack)


def _of_resource(name: str, kind: str, properties: dict[str, Any], stack: str) -> Iterator[str]:
    if kind == "AWS::IAM::Role":
        inline = sum(characters(policy["PolicyDocument"], stack) for policy in properties.get("Policies", []))
        if inline > INLINE_CHARS:
            yield f"{name} has {inline} characters of policies, and a role takes {INLINE_CHARS}"
        if (count := len(properties.get("ManagedPolicyArns", []))) > MANAGED_POLICIES:
            yield f"{name} has {count} managed policies, and a role takes {MANAGED_POLICIES}"
    if kind == "AWS::IAM::ManagedPolicy" and (size := characters(properties["PolicyDocument"], stack)) > MANAGED_CHARS:
        yield f"{name} has {size} characters, and a managed policy takes {MANAGED_CHARS}"
    if kind == "AWS::Lambda::Function":
        variables = properties.get("Environment", {}).get("Variables", {})
        if (size := characters(variables, stack)) > ENVIRONMENT_BYTES:
            yield f"the environment of {name} has {size} bytes, and a function takes {ENVIRONMENT_BYTES}"

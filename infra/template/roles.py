"""The roles: what a function may do, in policies that IAM takes however many functions there are.

A role's own (inline) policies have 10 240 characters together; a managed one has 6 144, and a role takes ten of these
(IAM User Guide, "IAM and STS quotas"; white space is not counted). What does not fit into the role goes into managed
policies. They are named by reference, so that a function is made after all its rights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.stages import Stage
from infra.template import access
from infra.template.access import Grant
from infra.template.cfn import Resources, Statement, ref, resource

INLINE_CHARS = 9_800  # of 10 240
MANAGED_CHARS = 5_800  # of 6 144
#: the longest that these come to
LONGEST = {
    "AWS::Partition": "aws-us-gov", "AWS::Region": "ap-southeast-1", "AWS::AccountId": "1" * 12,
    "Runs.Arn": "a" * 100, "Tokens.Arn": "a" * 100, "Bucket.Arn": "a" * 80,
}  # fmt: skip


def role(stage: Stage, logical_id: str, grants: list[Grant], **more: Any) -> Resources:
    """The role, and the managed policies that it needs beside its own."""
    statements = [grant.statement() for grant in [*grants, *access.of_stage(stage)]]
    inside, outside = _split(statements, stage.stack)
    documents = list(_packed(outside, stage.stack))
    managed = {f"{logical_id}More{n}": _managed(document) for n, document in enumerate(documents, 1)}
    properties = {**more, "Policies": [{"PolicyName": "exactly", "PolicyDocument": _document(inside)}]}
    if managed:
        properties["ManagedPolicyArns"] = [ref(name) for name in managed]
    if stage.permissions_boundary:
        properties["PermissionsBoundary"] = stage.permissions_boundary
    return {logical_id: {"Properties": properties}, **managed}


def characters(value: Any, stack: str) -> int:
    """Of a policy, with references at their longest; counted generously, with what writes a reference in JSON."""
    known = {**LONGEST, "AWS::StackName": stack}
    text = json.dumps(value, separators=(",", ":"))
    return len(re.sub(r"\$\{([^}]+)\}", lambda found: known.get(found[1], "a" * 100), text)) + 80 * text.count("GetAtt")


def _split(statements: list[Statement], stack: str) -> tuple[list[Statement], list[Statement]]:
    """What the role itself holds, and what it does not: the longest statements leave first."""
    inside, outside = list(statements), []
    while characters(inside, stack) > INLINE_CHARS:
        longest = max(inside, key=lambda statement: characters(statement, stack))
        inside.remove(longest)
        outside.append(longest)
    return inside, outside


def _packed(statements: list[Statement], stack: str) -> Iterator[Statement]:
    """Policy documents of the statements, a long one in parts."""
    held: list[Statement] = []
    for part in (part for statement in statements for part in _parts(statement, stack)):
        if held and characters([*held, part], stack) > MANAGED_CHARS:
            yield _document(held)
            held = []
        held.append(part)
    if held:
        yield _document(held)


def _parts(statement: Statement, stack: str) -> Iterator[Statement]:
    """The same actions on some of the resources each."""
    resources: list[Any] = []
    for found in statement["Resource"]:
        if resources and characters({**statement, "Resource": [*resources, found]}, stack) > MANAGED_CHARS:
            yield {**statement, "Resource": resources}
            resources = []
        resources.append(found)
    yield {**statement, "Resource": resources}


def _document(statements: list[Statement]) -> Statement:
    return {"Version": "2012-10-17", "Statement": statements}


def _managed(document: Statement) -> dict[str, Any]:
    return resource("AWS::IAM::ManagedPolicy", {"PolicyDocument": document})

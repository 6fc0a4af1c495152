"""CloudFormation may create resources in any order that references allow: none of these orders may fail."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.aws.graph import named_by_text, waits_for


def test_what_aws_looks_up_is_created_before(template: dict[str, Any]) -> None:
    assert named_by_text(template) == []


@pytest.mark.parametrize(
    ("logical", "path", "text"),
    [
        ("TargetEchoOutcome", ("DestinationConfig", "OnFailure", "Destination"),
         "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-record"),
        ("StreamMapping", ("FunctionName",), "${AWS::StackName}-stream"),
        ("WakeQueue", ("RedrivePolicy", "deadLetterTargetArn"),
         "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-wake-dead-letters"),
    ],
)  # fmt: skip
def test_a_name_put_together_from_text_is_found(
    template: dict[str, Any], logical: str, path: tuple[str, ...], text: str
) -> None:
    """Each of these was, or could be, the mistake."""
    broken = copy.deepcopy(template)
    place = broken["Resources"][logical]["Properties"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"Fn::Sub": text}
    found = named_by_text(broken)
    assert [name for name, _ in found] == [logical]


def test_a_function_waits_for_all_its_rights(template: dict[str, Any]) -> None:
    """Lambda refuses a mapping or a destination whose role may not reach it yet."""
    waits = waits_for(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            (role,) = [before for before in waits[name] if before.endswith("Role")]
            more = template["Resources"][role]["Properties"].get("ManagedPolicyArns", [])
            assert {managed["Ref"] for managed in more} <= waits[name]


def test_the_deployment_makes_no_stage_of_its_own(template: dict[str, Any]) -> None:
    deployments = [
        r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::ApiGateway::Deployment"
    ]
    stages = [
        r["Properties"]["StageName"] for r in template["Resources"].values() if r["Type"] == "AWS::ApiGateway::Stage"
    ]
    assert [d for d in deployments if "StageName" in d] == []
    assert stages == ["api"]

"""Who may invoke a function that exists elsewhere: the service's own roles, exactly that function, that alias."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.functions import Function
from infra import stages
from infra.template.merge import merge_template

OWN = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"
FAR = "arn:aws:lambda:eu-west-1:111122223333:function:theirs"
OURS = Function("ours", target="s-ours", handler="m.h")
ROLES = {"api": "ApiHandlerRole", "attend": "AttendRole", "sweep": "SweepRole"}


def invoked(function: Function, role: str) -> list[str]:
    """What this role may invoke."""
    template = merge_template(stages.load("prod"), [function], "python3.11")
    statements = template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    found = [resource for s in statements if "lambda:InvokeFunction" in s["Action"] for resource in s["Resource"]]
    return [text(resource) for resource in found]


def text(resource: Any) -> str:
    return str(resource["Fn::Sub"]) if isinstance(resource, dict) else str(resource)


@pytest.mark.parametrize("role", list(ROLES))
@pytest.mark.parametrize(
    ("function", "arn"),
    [
        (Function("f", target="theirs"), f"{OWN}theirs"),
        (Function("f", target="theirs", qualifier="live"), f"{OWN}theirs:live"),
        (Function("f", target="theirs:7"), f"{OWN}theirs:7"),
        (Function("f", target=FAR), FAR),
        (Function("f", target=FAR, qualifier="live"), f"{FAR}:live"),
        (
            Function("f", target="111122223333:function:theirs"),
            "arn:${AWS::Partition}:lambda:${AWS::Region}:111122223333:function:theirs",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_exactly_the_function_and_alias_may_be_invoked(role: str, function: Function, arn: str) -> None:
    mine = [found for found in invoked(function, ROLES[role]) if "${AWS::StackName}" not in found]
    assert mine == [arn]


def test_no_other_role_may_invoke_it() -> None:
    template = merge_template(stages.load("prod"), [Function("f", target="theirs")], "python3.11")
    allowed = {name for name, found in template["Resources"].items() if "function:theirs" in json.dumps(found)}
    assert allowed - {"ApiHandlerRole", "AttendRole", "SweepRole", "StreamRole"} == set()


def test_its_logs_are_read_where_it_is() -> None:
    template = merge_template(stages.load("prod"), [Function("f", target=FAR, qualifier="live")], "python3.11")
    role = json.dumps(template["Resources"]["ApiHandlerRole"])
    assert '"arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/theirs:*"' in role


def test_a_function_elsewhere_adds_no_resource_of_its_own() -> None:
    """Its configuration stays its owner's: what it needs is printed by `once policy`."""
    without = merge_template(stages.load("prod"), [OURS], "python3.11")["Resources"]
    with_it = merge_template(stages.load("prod"), [OURS, Function("f", target=FAR)], "python3.11")["Resources"]
    assert set(with_it) == set(without)


def test_a_wrapped_function_tells_its_deaths_and_an_unwrapped_one_its_successes_too() -> None:
    functions = [Function("a", target="s-a", handler="m.h"), Function("b", target="s-b", code="d", runtime="nodejs20.x",
                                                                      mode="destination")]  # fmt: skip
    resources = merge_template(stages.load("prod"), functions, "python3.11")["Resources"]
    told = {
        name: set(resources[name]["Properties"]["DestinationConfig"]) for name in ("TargetAOutcome", "TargetBOutcome")
    }
    assert told == {"TargetAOutcome": {"OnFailure"}, "TargetBOutcome": {"OnFailure", "OnSuccess"}}


def test_record_may_register_what_it_is_told() -> None:
    template = merge_template(stages.load("prod"), [OURS], "python3.11")
    assert "dynamodb:PutItem" in json.dumps(template["Resources"]["RecordRole"])

"""Which function of functions.toml a Lambda's name or ARN belongs to."""

from __future__ import annotations

import pytest

from chalicelib import targets
from chalicelib.functions import Function, function_at
from chalicelib.targets import Target

FULL = "arn:aws:lambda:eu-west-1:111122223333:function:theirs"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("theirs", Target("theirs")),
        ("theirs:live", Target("theirs", "live")),
        ("theirs:$LATEST", Target("theirs", "$LATEST")),
        ("theirs:7", Target("theirs", "7")),
        ("111122223333:function:theirs", Target("theirs", "", "111122223333")),
        ("111122223333:function:theirs:live", Target("theirs", "live", "111122223333")),
        (FULL, Target("theirs", "", "111122223333", "eu-west-1", "aws")),
        (f"{FULL}:live", Target("theirs", "live", "111122223333", "eu-west-1", "aws")),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:theirs",
            Target("theirs", "", "111122223333", "us-gov-west-1", "aws-us-gov"),
        ),
        (
            "arn:aws-eusc:lambda:eusc-de-east-1:111122223333:function:theirs:$LATEST.PUBLISHED",
            Target("theirs", "$LATEST.PUBLISHED", "111122223333", "eusc-de-east-1", "aws-eusc"),
        ),
        *[(bad, None) for bad in (
            "", "a b", "a/b", "theirs:", "theirs:li ve", "arn:aws:lambda:eu-west-1:1:function:theirs", "x" * 65,
            "arn:aws:sqs:eu-west-1:111122223333:theirs", f"{FULL}:live:more", "theirs:$LATEST.OLD", "theirs\n",
        )],
    ],
)  # fmt: skip
def test_a_target_is_read_in_every_form_that_lambda_takes(text: str, target: Target | None) -> None:
    assert targets.parse(text) == target


def functions(*made: Function) -> dict[str, Function]:
    return {function.name: function for function in made}


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (f"{FULL}:$LATEST", "plain"),
        (FULL, "plain"),
        (f"{FULL}:live", "live"),
        (f"{FULL}:beta", None),
        ("arn:aws:lambda:eu-west-1:999999999999:function:elsewhere:$LATEST", "elsewhere"),
        ("arn:aws:lambda:eu-west-1:111122223333:function:elsewhere:$LATEST", None),
        ("arn:aws:lambda:us-east-1:999999999999:function:elsewhere:$LATEST", None),
        ("arn:aws:lambda:eu-west-1:111122223333:function:unknown", None),
        ("nonsense of no form", None),
    ],
)
def test_a_reported_arn_belongs_to_one_function_or_none(told: str, name: str | None) -> None:
    known = functions(
        Function("plain", target="theirs"),
        Function("live", target="theirs", qualifier="live"),
        Function("elsewhere", target="arn:aws:lambda:eu-west-1:999999999999:function:elsewhere"),
    )
    found = function_at(known, told)
    assert (found.name if found else None) == name


def test_whatever_version_ran_a_function_known_once_is_meant() -> None:
    known = functions(Function("mine", target="theirs", qualifier="live"))
    found = function_at(known, f"{FULL}:12")
    assert found is not None and found.name == "mine"

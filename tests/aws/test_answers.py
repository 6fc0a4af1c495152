"""What AWS says and no emulator does, through the SDK, and what becomes of it."""

from __future__ import annotations

import pytest

from chalicelib.invoker import Fired, LambdaInvoker, Rejected, Unavailable
from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.store import aws as sdk
from invoke_once.store.objects import S3Objects
from tests.aws import answers
from tests.aws.answers import Answer, Aws, log_page


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("answer", "type_", "may_settle"),
    [
        (answers.INVOKE_OTHER_REGION, "TargetNotFound", False),
        (answers.INVOKE_NO_FUNCTION, "TargetNotFound", True),
        (answers.INVOKE_DENIED, "TargetDenied", True),
        (answers.INVOKE_BAD_PAYLOAD, "TargetRefused", False),
        (answers.INVOKE_TOO_LARGE, "TargetPayloadTooLarge", False),
    ],
)
def test_what_lambda_refuses_for_good_is_told_from_what_settles(answer: Answer, type_: str, may_settle: bool) -> None:
    with Aws(answer) as aws:
        found = LambdaInvoker(aws.url).fire("name", b"{}", tries=3)
    assert isinstance(found, Rejected)
    assert (found.type, found.may_settle) == (type_, may_settle)
    assert len(aws.asked) == 1


def test_a_throttled_invocation_is_known_not_to_be_queued() -> None:
    with Aws(answers.INVOKE_THROTTLED, answers.INVOKE_ACCEPTED) as aws:
        invoker = LambdaInvoker(aws.url)
        assert invoker.fire("name", b"{}", tries=3) == Unavailable("TooManyRequestsException", known=True)
        assert invoker.fire("name", b"{}") == Fired()


def test_a_missing_object_is_missing_and_a_refused_one_is_not() -> None:
    with Aws(answers.S3_MISSING, answers.S3_DENIED) as aws:
        objects = S3Objects("bucket", endpoint_url=aws.url)
        with pytest.raises(PayloadCorrupt, match="missing"):
            objects.get("echo/in/x.json")
        with pytest.raises(StoreUnavailable, match="AccessDenied"):
            objects.get("echo/in/x.json")


def test_a_slow_bucket_is_asked_again() -> None:
    with Aws(answers.S3_SLOW, Answer(200, b"1")) as aws:
        assert S3Objects("bucket", endpoint_url=aws.url).get("k") == b"1"
    assert len(aws.asked) == 2


def test_an_empty_page_of_logs_has_a_token_all_the_same() -> None:
    with Aws(log_page(token="more"), log_page("a line")) as aws:
        logs = sdk.client("logs", endpoint_url=aws.url, region="us-east-1")
        pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/name"))
    assert [len(page["events"]) for page in pages] == [0, 1]
    assert b'"nextToken": "more"' in aws.asked[1][2]

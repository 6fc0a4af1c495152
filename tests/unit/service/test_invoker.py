"""Firing a Lambda: the request as it goes out, what each answer comes to, how often it is tried."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from chalicelib import invoker
from chalicelib.invoker import Answer, Fired, LambdaInvoker, Rejected, Unavailable, fire_attend

LOST = ReadTimeoutError(endpoint_url="https://lambda")
THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")


class Client:
    """Lambda's, which answers each call as it is told to; None: it takes the event."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.asked = [*answers], list[dict[str, Any]]()

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return {"StatusCode": 202}


def fired(client: Client, **more: Any) -> Answer:
    lambda_ = LambdaInvoker()
    lambda_.__dict__["_client"] = client
    return lambda_.fire("mine", b'{"a":1}', **more)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"qualifier": "live"}, {"Qualifier": "live"}),
        ({"tenant": "acme"}, {"TenantId": "acme"}),
        ({"qualifier": "7", "tenant": "acme"}, {"Qualifier": "7", "TenantId": "acme"}),
    ],
)
def test_an_event_goes_out_with_its_qualifier_and_its_tenant_where_there_are_any(
    given: dict[str, str], sent: dict[str, str]
) -> None:
    client = Client(None)
    assert fired(client, **given) == Fired()
    assert client.asked == [{"FunctionName": "mine", "InvocationType": "Event", "Payload": b'{"a":1}', **sent}]


NOT_FOUND, DENIED = ("TargetNotFound", True), ("TargetDenied", True)
REFUSED, TOO_LARGE = ("TargetRefused", False), ("TargetPayloadTooLarge", False)


@pytest.mark.parametrize(
    ("code", "type_and_may_settle"),
    [
        ("ResourceNotFoundException", NOT_FOUND),
        ("NoPublishedVersionException", NOT_FOUND),
        ("AccessDeniedException", DENIED),
        ("RequestTooLargeException", TOO_LARGE),
        ("SerializedRequestEntityTooLargeException", TOO_LARGE),
        ("InvalidRequestContentException", REFUSED),
        ("InvalidParameterValueException", REFUSED),
        ("UnsupportedMediaTypeException", REFUSED),
        ("ValidationException", REFUSED),
        ("ModeNotSupportedException", REFUSED),
    ],
)
def test_a_refusal_for_good_has_a_type_of_ours_and_says_whether_a_deploy_may_be_under_way(
    code: str, type_and_may_settle: tuple[str, bool]
) -> None:
    client = Client(ClientError({"Error": {"Code": code, "Message": "words of AWS"}}, "Invoke"))
    type_, may_settle = type_and_may_settle
    assert fired(client, tries=3) == Rejected(type_, f"Lambda refused to start it: {code}", may_settle)
    assert len(client.asked) == 1


def test_a_refusal_settles_unless_it_is_told_so() -> None:
    assert Rejected("TargetRefused", "no").may_settle is False


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (THROTTLED, Unavailable("TooManyRequestsException", known=True, type="TargetUnavailable")),
        (ClientError({}, "Invoke"), Unavailable("unknown", known=True)),
        (LOST, Unavailable("ReadTimeoutError", known=False)),
        (ConnectTimeoutError(endpoint_url="https://lambda"), Unavailable("ConnectTimeoutError", known=False)),
    ],
)
def test_whether_an_event_may_be_queued_is_known_where_aws_has_answered(error: Exception, answer: Answer) -> None:
    assert fired(Client(error)) == answer


@pytest.mark.parametrize(
    ("tries", "answers", "asked", "answer"),
    [
        (1, [LOST], 1, Unavailable("ReadTimeoutError", known=False)),
        (3, [LOST, None], 2, Fired()),
        (3, [LOST, THROTTLED], 2, Unavailable("TooManyRequestsException", known=True)),
        (3, [LOST] * 3, 3, Unavailable("ReadTimeoutError", known=False)),
    ],
)
def test_an_answer_that_was_lost_is_asked_for_again_as_often_as_that_is_harmless(
    tries: int, answers: list[Exception | None], asked: int, answer: Answer
) -> None:
    client = Client(*answers)
    assert fired(client, tries=tries) == answer
    assert len(client.asked) == asked


def test_without_a_word_it_is_fired_once() -> None:
    client = Client(LOST)
    fired(client)
    assert len(client.asked) == 1


def test_why_a_run_waits_is_told_with_a_type_and_in_words() -> None:
    told = ("TargetUnavailable", "Lambda could not start it yet: TooManyRequestsException")
    assert Unavailable("TooManyRequestsException", known=True).told == told


def test_the_client_gives_up_soon_and_repeats_nothing_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DEFAULT_REGION", "eu-west-1"), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(f"AWS_{name}", value)
    meta = LambdaInvoker("http://127.0.0.1:9")._client.meta
    assert (meta.service_model.service_name, meta.endpoint_url) == ("lambda", "http://127.0.0.1:9")
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (2, 5)
    assert meta.config.retries == {"mode": "standard", "total_max_attempts": 1}


# Having runs looked at


class Attends:
    def __init__(self, answer: Answer) -> None:
        self.answer, self.fired = answer, list[tuple[str, bytes, int]]()

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        self.fired.append((target, payload, tries))
        return self.answer


def test_runs_are_looked_at_ten_to_an_invocation_and_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    lambda_, runs = Attends(Fired()), [f"run_{n}" for n in range(23)]
    fire_attend(lambda_, "s-attend", [*runs, "run_0"])
    assert lambda_.fired == [
        ("s-attend", json.dumps({"run_ids": some}).encode(), 2) for some in (runs[:10], runs[10:20], runs[20:])
    ]
    assert capsys.readouterr().out == ""


def test_nobody_to_look_at_is_no_invocation() -> None:
    lambda_ = Attends(Fired())
    fire_attend(lambda_, "s-attend", [])
    assert lambda_.fired == []


def test_runs_that_cannot_be_looked_at_now_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    fire_attend(Attends(Rejected("TargetDenied", "no")), "s-attend", ["run_a", "run_b"])
    assert json.loads(capsys.readouterr().out) == {
        "event": "attend_not_fired",
        "run_ids": ["run_a", "run_b"],
        "reason": "Rejected(type='TargetDenied', message='no', may_settle=False)",
    }


def test_another_region_is_known_by_the_words_of_aws() -> None:
    message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    client = Client(ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": message}}, "Invoke"))
    refused = "Lambda refused to start it: ResourceNotFoundException"
    assert fired(client) == Rejected("TargetNotFound", refused, may_settle=False)
    assert invoker.SETTLED_DISPATCHES == 3

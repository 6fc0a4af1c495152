"""What a run waits for, since when, and why: its queue's clock, the reasons AWS gives, and what the document says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.destinations import reports
from chalicelib.destinations.record import record
from chalicelib.functions import Function
from chalicelib.invoker import FINAL, Answer, Fired, LambdaInvoker, Rejected, Unavailable
from chalicelib.runs import dispatch, documents
from chalicelib.service import Service
from invoke_once.handler.envelope import fired_event
from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS, Due
from invoke_once.life.head import Head
from invoke_once.store.payloads import error_fields, error_of
from tests.unit.direct import aws_records as aws
from tests.unit.runs.test_dispatch import ECHO, PLAIN, Stage

THROTTLED = Unavailable("TooManyRequestsException", known=True)
HOUR = 3_600_000


@pytest.fixture
def stage() -> Stage:
    return Stage()


def document(stage: Stage, head: Head) -> dict[str, Any]:
    return documents.run_document(stage.svc, stage.now(head))


def waits(stage: Stage, head: Head) -> tuple[Any, Any]:
    told = document(stage, head)
    return told["waiting_for"], told["next_attempt_at"]


def at(ms: int | None) -> str | None:
    return documents.rfc3339(ms)


def failed_start(stage: Stage, head: Head, error: dict[str, Any], **more: Any) -> dict[str, Any]:
    event = json.loads(fired_event(stage.now(head), b"{}", stage.clock()))
    return aws.record("s-echo", event, error, condition="RetriesExhausted", **more)


IMPORT_ERROR = {
    "errorMessage": "Unable to import module 'app': No module named 'requests'",
    "errorType": "Runtime.ImportModuleError",
    "requestId": "",
    "stackTrace": [],
}


# The queue's clock


@pytest.mark.parametrize("function", [ECHO, PLAIN])
def test_what_aws_refuses_for_ever_expires_with_its_queue_timeout(stage: Stage, function: Function) -> None:
    stage.lambda_.answer = THROTTLED
    head = stage.post(function, queue_ms=HOUR).head
    began_ms = stage.clock()
    for _ in range(200):
        now = stage.now(head)
        if now.terminal:
            break
        stage.clock.to(now.due_at or 0)
        stage.attend(head)
    ended = stage.now(head)
    assert ended.status == "expired" and began_ms + HOUR < (ended.finished_at or 0) <= began_ms + HOUR + 1
    told = error_of(ended)
    assert told is not None and told["type"] == "Expired" and "TooManyRequestsException" in told["message"]
    assert told["message"].startswith("nothing claimed the run within its queue timeout of 3600 s; at last: ")


def test_the_queue_timeout_of_a_delayed_run_begins_when_it_may_be_fired(stage: Stage) -> None:
    head = stage.post(delay_ms=1_000_000, queue_ms=5_000).head
    stage.clock.step(1_000_000 + 45_000)  # the next sweep
    assert stage.attend(head) == Due.RELEASE and len(stage.lambda_.events) == 1
    stage.clock.step(5_000)
    assert stage.attend(head) == Due.NOTHING
    stage.clock.step(1)
    assert stage.attend(head) == Due.EXPIRE


def test_the_queue_timeout_of_a_retry_begins_when_its_backoff_is_over(stage: Stage) -> None:
    running = stage.claim(stage.post(queue_ms=5_000).head)
    again_ms = stage.clock() + HOUR
    stage.store.apply(moves.requeue(moves.fence(running), running, again_ms, error_fields("E", "m"), "t"))
    stage.clock.to(again_ms + 30_000)
    assert stage.attend(running) == Due.RELEASE
    assert stage.now(running).queue_until == stage.clock() + 5_000


# What the document says


def test_a_delay_says_when_it_is_over(stage: Stage) -> None:
    head = stage.post(delay_ms=9_000).head
    assert waits(stage, head) == ("delay", at(stage.clock() + 9_000))


def test_a_run_that_was_fired_waits_for_dispatch(stage: Stage) -> None:
    assert waits(stage, stage.post().head) == ("dispatch", None)


def test_a_backoff_says_when_it_is_over_and_why_the_attempt_failed(stage: Stage) -> None:
    running = stage.claim(stage.post().head)
    began = stage.clock()
    stage.clock.step(500)
    again_ms = stage.clock() + 60_000
    stage.store.apply(moves.requeue(moves.fence(running), running, again_ms, error_fields("ValueError", "no"), "t"))
    told = document(stage, running)
    assert waits(stage, running) == ("backoff", at(again_ms))
    assert (told["status"], told["error"]["type"], told["attempt_started_at"]) == ("queued", "ValueError", at(began))


def test_the_second_attempt_has_its_own_beginning(stage: Stage) -> None:
    running = stage.claim(stage.post().head)
    first = stage.clock()
    stage.store.apply(moves.requeue(moves.fence(running), running, first + 60_000, error_fields("E", "m"), "t"))
    stage.clock.step(75_000)
    again = stage.claim(running)
    told = document(stage, again)
    assert (told["started_at"], told["attempt_started_at"]) == (at(first), at(stage.clock()))
    assert waits(stage, again) == (None, None)


def test_an_ended_run_waits_for_nothing(stage: Stage) -> None:
    assert waits(stage, stage.fail(stage.post().head)) == (None, None)


def test_a_given_back_run_waits_for_its_dispatch_and_says_why(stage: Stage) -> None:
    stage.lambda_.answer = THROTTLED
    head = stage.post(PLAIN).head
    told = document(stage, head)
    assert waits(stage, head) == ("dispatch", at(stage.clock() + FIRST_LOOK_MS))
    assert told["error"]["type"] == "TargetUnavailable" and "TooManyRequests" in told["error"]["message"]
    assert (told["started_at"], told["attempt_started_at"]) == (None, None), "no body has begun"


# Why it has not been started


def test_a_start_that_aws_does_not_take_says_why_until_it_is_claimed(stage: Stage) -> None:
    stage.lambda_.answer = THROTTLED
    head = stage.post().head
    told = error_of(stage.now(head))
    assert told is not None and (told["type"], head.status) == ("TargetUnavailable", "queued")
    assert "None" not in told["message"] and "attempt" not in told["message"]
    assert error_of(stage.claim(head)) is None


def test_the_same_reason_again_is_not_written_again(stage: Stage) -> None:
    stage.lambda_.answer = THROTTLED
    head = stage.post().head
    writes = stage.table.writes
    stage.clock.to(stage.now(head).due_at or 0)
    stage.attend(head)
    assert stage.table.writes == writes + 1  # the dispatch alone


def test_a_reason_keeps_what_the_last_attempt_failed_with(stage: Stage) -> None:
    running = stage.claim(stage.post().head)
    failed = error_fields("ValueError", "no", "the trace")
    stage.store.apply(moves.requeue(moves.fence(running), running, stage.clock() + 10, failed, "t"))
    stage.lambda_.answer = THROTTLED
    stage.clock.step(10)
    stage.attend(running)
    stage.clock.to(stage.now(running).due_at or 0)
    stage.lambda_.answer = Unavailable("ServiceException", known=True)
    stage.attend(running)
    told = error_of(stage.now(running))
    assert told is not None and told["trace"] == "the trace"
    assert told["message"].endswith("ServiceException (attempt 1 failed: ValueError: no)")


def test_what_lambda_reports_of_a_failed_start_is_on_the_run_at_once(stage: Stage) -> None:
    head = stage.post().head
    record(stage.svc, failed_start(stage, head, IMPORT_ERROR))
    told = document(stage, head)
    assert (told["status"], told["attempt"]) == ("queued", 0)
    assert told["error"]["type"] == "Runtime.ImportModuleError" and "requests" in told["error"]["message"]


def test_a_late_report_of_an_earlier_attempt_is_not_the_reason(stage: Stage) -> None:
    head = stage.post().head
    report = failed_start(stage, head, IMPORT_ERROR)
    running = stage.claim(head)
    stage.store.apply(moves.requeue(moves.fence(running), running, stage.clock(), error_fields("E", "m"), "t"))
    stage.attend(running)
    record(stage.svc, report)
    told = error_of(stage.now(running))
    assert told is not None and told["type"] == "E"


def test_an_event_that_became_too_old_after_a_start_that_failed_was_invoked(stage: Stage) -> None:
    """AWS tells EventAgeExceeded with a count and a response: a function that dies at its start ends NeverStarted."""
    head = stage.post().head
    for _ in range(2):
        stage.clock.to(stage.now(head).due_at or 0)
        stage.attend(head)
    report = failed_start(stage, head, IMPORT_ERROR)
    report["requestContext"]["condition"] = "EventAgeExceeded"
    record(stage.svc, report)
    told = error_of(stage.now(head))
    assert told is not None and (stage.now(head).status, told["type"]) == ("failed", "NeverStarted")


@pytest.mark.parametrize("condition", ["ZeroReservedConcurrency", "EventAgeExceeded"])
def test_an_event_that_never_reached_an_unwrapped_function_costs_no_attempt(stage: Stage, condition: str) -> None:
    head = stage.post(PLAIN, queue_ms=HOUR).head
    until_ms = head.queue_until
    stage.clock.step(1_000)
    record(stage.svc, aws.never_started("s-plain", stage.lambda_.events[-1], condition))
    now = stage.now(head)
    assert (now.status, now.max_attempts - now.attempt, now.queue_until) == ("queued", 1, until_ms)
    told = error_of(now)
    assert told is not None and told["type"] == condition
    record(stage.svc, aws.never_started("s-plain", stage.lambda_.events[-1], condition))
    assert stage.now(head) == now, "told twice, it is given back once"


@pytest.mark.parametrize(("answered", "count", "invoked"), [(True, 1, True), (False, 0, False), (False, 2, True)])
def test_whether_it_was_invoked_is_told_by_the_count_and_the_response(
    answered: bool, count: int, invoked: bool
) -> None:
    told = aws.never_started("f", {}, "EventAgeExceeded")
    told["requestContext"]["approximateInvokeCount"] = count
    if answered:
        told["responseContext"] = {"statusCode": 200, "functionError": "Unhandled"}
    assert reports.read(told).invoked is invoked


@pytest.mark.parametrize(
    ("error", "trace"),
    [
        (aws.GO_ERROR, "  github.com/aws/aws-lambda-go@v1.47.0/lambda/errors.go:39 lambdaPanicResponse\n"
                       "  main.go:12 handler\n  main.go"),
        (aws.JAVA_ERROR, "example.Handler.handleRequest(Handler.java:13)\n"
                         "Caused by java.lang.IllegalStateException: no\nexample.Orders.load(Orders.java:7)"),
        ({"errorType": "E", "errorMessage": "m", "stackTrace": "one text"}, "one text"),
        ({"errorType": "E", "errorMessage": "m"}, None),
    ],
)  # fmt: skip
def test_stacks_of_every_runtime_are_text(stage: Stage, error: dict[str, Any], trace: str | None) -> None:
    head = stage.post(PLAIN).head
    record(stage.svc, aws.failed("s-plain", stage.lambda_.events[-1], error))
    told = error_of(stage.now(head))
    assert told is not None and told["trace"] == trace


# Lambda's refusals


@pytest.mark.parametrize("function", [ECHO, PLAIN])
@pytest.mark.parametrize("type_", ["TargetNotFound", "TargetDenied"])
def test_what_may_settle_after_a_deploy_is_final_with_the_third_dispatch(
    stage: Stage, function: Function, type_: str
) -> None:
    stage.lambda_.answer = Rejected(type_, "Lambda refused to start it", may_settle=True)
    head = stage.post(function).head
    for number in (1, 2):
        told = error_of(stage.now(head))
        assert stage.now(head).status == "queued" and told is not None and told["type"] == type_, number
        stage.clock.to(stage.now(head).due_at or 0)
        stage.attend(head)
    told = error_of(stage.now(head))
    assert stage.now(head).status == "failed" and told is not None and told["type"] == type_


class Refusing:
    """A Lambda client that refuses every call."""

    def __init__(self, code: str, message: str = "") -> None:
        self.error = ClientError({"Error": {"Code": code, "Message": message}}, "Invoke")
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> None:
        self.asked.append(asked)
        raise self.error


def answer_to(client: Refusing, **more: Any) -> Answer:
    invoker = LambdaInvoker()
    invoker.__dict__["_client"] = client
    return invoker.fire("f", b"{}", **more)


@pytest.mark.parametrize(
    ("code", "type_"),
    [
        ("SerializedRequestEntityTooLargeException", "TargetPayloadTooLarge"),
        ("NoPublishedVersionException", "TargetNotFound"),
        ("ModeNotSupportedException", "TargetRefused"),
        ("ValidationException", "TargetRefused"),
        *FINAL.items(),
    ],
)
def test_what_lambda_refuses_for_good_is_rejected(code: str, type_: str) -> None:
    answer = answer_to(Refusing(code))
    assert isinstance(answer, Rejected) and answer.type == type_
    assert answer.may_settle is (type_ in ("TargetNotFound", "TargetDenied"))


def test_a_function_of_another_region_is_no_question_of_time() -> None:
    message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    answer = answer_to(Refusing("ResourceNotFoundException", message))
    assert isinstance(answer, Rejected) and not answer.may_settle


def test_any_other_answer_is_a_matter_of_time_and_keeps_its_name() -> None:
    assert answer_to(Refusing("SomethingOf2027Exception")) == Unavailable("SomethingOf2027Exception", known=True)


def test_a_function_with_tenant_isolation_gets_the_run_s_tenant(stage: Stage) -> None:
    class Keeps:
        asked: list[str]

        def fire(self, *_args: Any, tenant: str = "", **_more: Any) -> Answer:
            self.asked = [tenant]
            return Fired()

    isolated = Function("echo", target="s-echo", tenant_isolation=True)
    keeps = Keeps()
    svc = Service(stage.svc.settings, stage.store, stage.svc.payloads, {"echo": isolated}, keeps, stage.clock)
    dispatch.accept(svc, dispatch.StartRequest(isolated, "acme", "k", b"{}"))
    assert keeps.asked == ["acme"]
    client = Refusing("TooManyRequestsException")
    answer_to(client, tenant="acme")
    answer_to(client)
    assert client.asked[0]["TenantId"] == "acme" and "TenantId" not in client.asked[1]

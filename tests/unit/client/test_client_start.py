"""Starting runs: one key over all tries, what goes on the wire, and what a refusal becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from invoke_once.client.core.requests import JsonText
from tests.once_fake import DROPPED, REFUSED, TOKEN, Answer, FakeOnce, problem
from tests.unit.client.conftest import all_of, ask

Play = Callable[[Any], None]
BUSY = Answer(503, {"detail": "later"}, {"retry-after": "7"})


def test_a_lost_answer_is_asked_for_again_under_the_same_key(fake: FakeOnce, play: Play) -> None:
    fake.faults = [DROPPED, REFUSED, Answer(502, b"<html>", {"content-type": "text/html"})]

    async def scenario(once: Any) -> None:
        run = await ask(once.start("echo", {"a": 1}))
        assert run.status == "queued"

    play(scenario)
    keys = {seen.headers["idempotency-key"] for seen in fake.seen}
    assert len(fake.seen) == 4
    assert len(keys) == 1
    assert len(fake.runs) == 1


def test_a_run_that_was_started_although_the_answer_was_lost_is_found_not_doubled(fake: FakeOnce, once: Once) -> None:
    real = fake._route
    lost = iter([True])

    def accepted_but_lost(seen: Any) -> Answer:
        answer = real(seen)
        return DROPPED if next(lost, False) else answer

    fake._route = accepted_but_lost  # type: ignore[method-assign]
    run = once.start("echo")
    assert run.document.replayed
    assert len(fake.runs) == 1


def test_two_starts_without_a_key_are_two_runs(fake: FakeOnce, once: Once) -> None:
    assert once.start("echo").id != once.start("echo").id


def test_retry_after_is_waited_for(fake: FakeOnce, play: Play) -> None:
    fake.faults = [BUSY]

    async def scenario(once: Any) -> None:
        began = fake.now_s
        await ask(once.start("echo"))
        assert 7 <= fake.now_s - began < 8

    play(scenario)


def test_an_outrageous_retry_after_is_capped(fake: FakeOnce, once: Once) -> None:
    fake.faults = [Answer(429, {}, {"retry-after": "86400"})]
    began = fake.now_s
    once.start("echo")
    assert fake.now_s - began == 30


def test_when_nobody_answers_the_error_carries_the_key_that_finds_the_run(fake: FakeOnce, play: Play) -> None:
    fake.always = DROPPED

    async def scenario(once: Any) -> None:
        with pytest.raises(client_errors.ServiceUnreachable) as caught:
            await ask(once.start("echo"))
        assert f'"{caught.value.idempotency_key}"' == fake.seen[0].headers["idempotency-key"]

    play(scenario)
    assert len(fake.seen) == 6


def test_a_service_that_stays_busy_is_unreachable_and_says_why(fake: FakeOnce, once: Once) -> None:
    fake.always = problem(503, "busy", "the store does not answer")
    with pytest.raises(client_errors.ServiceUnreachable, match="the store does not answer"):
        once.start("echo")


def test_everything_given_is_on_the_wire_and_nothing_else(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        await ask(
            once.start(
                "echo",
                {"a": "ä"},
                key='say "hi" \\o/',
                callback="https://x.test/hook",
                delay_seconds=0,
                queue_timeout_seconds=60,
                retry={"max_attempts": 3},
                if_failed="rerun",
                labels={"team": "data"},
                concurrency={"key": "customer-17", "max": 2},
                wait=90,
            )
        )

    play(scenario)
    seen = fake.last()
    assert seen.headers["idempotency-key"] == '"say \\"hi\\" \\\\o/"'
    assert seen.headers["prefer"] == "wait=20"
    assert json.loads(seen.body) == {
        "function": "echo",
        "input": {"a": "ä"},
        "callback": {"url": "https://x.test/hook"},
        "delay_seconds": 0,
        "queue_timeout_seconds": 60,
        "retry": {"max_attempts": 3},
        "if_failed": "rerun",
        "labels": {"team": "data"},
        "concurrency": {"key": "customer-17", "max": 2},
    }


def test_no_callback_is_not_the_same_as_none_given(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        await ask(once.start("echo", callback=None))
        assert "callback" not in json.loads(fake.last().body)
        await ask(once.start("echo", callback=False))
        assert json.loads(fake.last().body) == {"function": "echo", "callback": None}
        await ask(once.start("echo", callback=""))  # a variable that is not set: the service refuses it
        assert json.loads(fake.last().body) == {"function": "echo", "callback": {"url": ""}}

    play(scenario)


def test_an_option_that_there_is_not_is_refused_before_anything_is_sent(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        with pytest.raises(TypeError, match="'kye': did you mean 'key'"):
            await ask(once.start("echo", 1, kye="order-1"))
        with pytest.raises(TypeError, match="'max_attempt': did you mean 'max_attempts'"):
            await ask(once.start("echo", 1, retry={"max_attempt": 3}))
        with pytest.raises(TypeError, match="'zzz': there are function, status"):
            for _ in await all_of(once.list(zzz=1)):
                pass
        with pytest.raises(TypeError, match="tokn"):
            type(once)("http://once.test", tokn="t")

    play(scenario)
    assert not fake.seen


def test_a_gateways_own_500_costs_no_run_and_makes_no_second(fake: FakeOnce, play: Play) -> None:
    fake.faults = [Answer(500, {"message": "Internal server error"}, {"content-type": "application/json"})]

    async def scenario(once: Any) -> None:
        assert (await ask(once.start("echo"))).status == "queued"

    play(scenario)
    assert len(fake.runs) == 1


def test_json_text_is_sent_as_it_stands(fake: FakeOnce, once: Once) -> None:
    text = '{"n": 12345678901234567890123.4567, "m": 1E400,  "\\u00e9":[ ]}'
    once.start("echo", JsonText(text), labels={"input": "null"})
    assert b'"input":' + text.encode() + b"," in fake.last().body


def test_a_plain_start_sends_the_function_alone(fake: FakeOnce, once: Once) -> None:
    once.start("echo")
    assert json.loads(fake.last().body) == {"function": "echo"}
    assert "prefer" not in fake.last().headers


@pytest.mark.parametrize("falsy", [0, False, "", [], {}])
def test_an_input_that_is_falsy_is_sent_all_the_same(fake: FakeOnce, once: Once, falsy: Any) -> None:
    once.start("echo", falsy)
    assert json.loads(fake.last().body)["input"] == falsy


@pytest.mark.parametrize("key", ["", "é", "a\nb", "x" * 256])
def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(
    fake: FakeOnce, once: Once, key: str
) -> None:
    with pytest.raises(client_errors.InvokeOnceError, match="idempotency key"):
        once.start("echo", key=key)
    assert not fake.seen


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), "\ud800"])
def test_an_input_that_is_not_json_is_refused_before_anything_is_sent(
    fake: FakeOnce, once: Once, value: object
) -> None:
    with pytest.raises(client_errors.InvokeOnceError, match="not JSON"):
        once.start("echo", value)
    assert not fake.seen


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, client_errors.BadRequest),
        (401, client_errors.Unauthorized),
        (403, client_errors.Forbidden),
        (404, client_errors.NotFound),
        (409, client_errors.Conflict),
        (413, client_errors.TooLarge),
        (422, client_errors.Invalid),
        (415, client_errors.RequestRefused),
    ],
)
def test_each_refusal_has_its_error(
    fake: FakeOnce, once: Once, status: int, kind: type[client_errors.RequestRefused]
) -> None:
    fake.always = problem(status, "some-name", "because")
    with pytest.raises(kind, match="because") as caught:
        once.start("echo")
    assert (caught.value.status, caught.value.type, caught.value.detail) == (status, "some-name", "because")
    assert len(fake.seen) == 1


def test_field_errors_are_kept_and_said(fake: FakeOnce, once: Once) -> None:
    with pytest.raises(client_errors.Invalid, match="/input: must be an object") as caught:
        once.start("echo", "refuse")
    assert caught.value.errors == [{"pointer": "/input", "detail": "must be an object"}]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>welcome</html>", {"content-type": "text/html"}),
        Answer(200, {"hello": "world"}),
        Answer(200, [1]),
        Answer(404, b"<html>not here</html>", {"content-type": "text/html"}),
        Answer(403, {"message": "Missing Authentication Token"}, {"content-type": "application/json"}),
        Answer(301, b"", {"location": "https://elsewhere.test/"}),
    ],
    ids=str,
)
def test_an_answer_that_is_not_the_services_is_unexpected(fake: FakeOnce, once: Once, answer: Answer) -> None:
    fake.always = answer
    with pytest.raises(client_errors.UnexpectedReply):
        once.start("echo")


def test_the_token_is_in_no_repr_and_in_no_error(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    fake.always = DROPPED
    with pytest.raises(client_errors.ServiceUnreachable) as caught:
        run.refresh()
    for thing in (run, once._core, run._core, caught.value, run.document):
        assert TOKEN not in f"{thing!r} {thing}"


def test_errors_of_the_client_are_errors_of_invoke_once() -> None:
    public = [getattr(client_errors, name) for name in client_errors.__all__]
    assert all(issubclass(kind, client_errors.InvokeOnceError) for kind in public)


def test_a_cancelled_run_that_was_waited_for_is_not_a_handlers_own_cancellation() -> None:
    from invoke_once.errors import RunCancelled

    assert not issubclass(client_errors.RunCancelled, RunCancelled)

"""What a body is given, and when an attempt ends itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import NotClaimed, PayloadCorrupt, StoreUnavailable
from invoke_once.handler import outcomes
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.envelope import INLINE_EVENT_BYTES, envelope_of, fired_event
from invoke_once.handler.runtime import MANAGED, Policy, Runtime, use_runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied
from invoke_once.testing import Bench, Context, MemoryObjects

LARGE = "".join(f"{n * n * 7919:x}" for n in range(140_000))


class Objects(MemoryObjects):
    """S3 that fails as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = []
        self.asked: list[str] = []
        self.then: Any = None

    def get(self, key: str) -> bytes:
        self.asked.append(key)
        if self.then is not None:
            self.then()
        if self.failures:
            raise self.failures.pop(0)
        return super().get(key)


class Place:
    """A bench whose large inputs lie in `objects`."""

    def __init__(self, **policy: Any) -> None:
        self.bench, self.objects = Bench(**policy), Objects()
        self.payloads = self.bench.payloads = Payloads(self.bench.store, self.objects)
        self.runtime = Runtime(self.bench.store, self.payloads, self.bench.clock, Policy(), self.bench._sleep)

    def start(self, value: Any, key: str) -> Head:
        new = moves.NewRun("demo", "test", key)
        text = json.dumps(value).encode()
        kept = self.payloads.keep_input("test", new.run_id, text, 300, self.bench.clock() // 1000 + 9_999_999)
        begun = self.bench.store.apply(moves.start(moves.NewRun("demo", "test", key, payload=kept), self.bench.clock()))
        assert isinstance(begun, Applied)
        return begun.head

    def deliver(self, event: Any, body: Any = lambda event, _context: event) -> Any:
        with use_runtime(self.runtime):
            return tracked(body)(event, Context(self.bench.clock, 60_000))

    def event(self, head: Head, **forged: Any) -> Any:
        made = json.loads(fired_event(head, self.payloads.input(head), self.bench.clock()))
        made["invoke_once"] |= forged
        self.objects.asked.clear()
        return made


def test_an_event_is_inline_up_to_its_limit_counted_as_it_is_sent() -> None:
    head = Place().start(LARGE, "k")
    room = INLINE_EVENT_BYTES - len(fired_event(head, b'""', 1_800_000_000_000))
    fits = fired_event(head, b'"%s"' % (b"x" * room), 1_800_000_000_000)
    assert len(fits) == INLINE_EVENT_BYTES == 900_000 and "input_ref" not in json.loads(fits)["invoke_once"]
    over = fired_event(head, b'"%s"' % (b"x" * (room + 1)), 1_800_000_000_000)
    assert json.loads(over)["invoke_once"]["input_ref"] == head.input_ref and len(over) < 1_000


def test_an_input_by_reference_is_the_claimed_heads_whatever_the_event_names() -> None:
    place = Place()
    victim, mine = place.start(["secret", LARGE], "victim"), place.start(["mine", LARGE], "mine")
    got: list[Any] = []
    place.deliver(place.event(mine, input_ref=victim.input_ref), lambda event, _context: got.append(event[0]))
    assert got == ["mine"]
    assert place.objects.asked == [(mine.input_ref or "").removeprefix("s3:")]


def test_a_forged_reference_to_a_run_that_cannot_be_claimed_reads_nothing() -> None:
    place = Place()
    victim = place.start(["secret", LARGE], "victim")
    event = place.event(victim, generation="guessed")
    assert place.deliver(event)["duplicate"] is True
    assert place.objects.asked == []


def test_an_input_that_is_away_for_a_moment_is_waited_for() -> None:
    place = Place()
    head = place.start(LARGE, "k")
    event = place.event(head)
    place.objects.failures = [StoreUnavailable("S3 did not answer get_object: ReadTimeoutError")]
    place.deliver(event, lambda event, _context: len(event))
    assert place.bench.finished(head.run_id).output == len(LARGE)


def test_an_attempt_whose_input_stays_away_is_given_back_and_its_body_not_started() -> None:
    place, ran = Place(), []
    head = place.start(LARGE, "k")
    event = place.event(head)
    place.objects.failures = [StoreUnavailable("S3 did not answer get_object: ReadTimeoutError")] * 99
    with pytest.raises(NotClaimed):
        place.deliver(event, lambda event, _context: ran.append(event))
    told = place.bench.finished(head.run_id)
    assert (ran, told.status, told.head.max_attempts - told.attempt) == ([], "queued", 1)


@pytest.mark.parametrize(
    ("error", "type_name"),
    [
        (PayloadCorrupt("the stored payload is missing"), "InputLost"),
        (StoreUnavailable("S3 refused get_object: AccessDenied", "AccessDenied"), "InputNotRead"),
    ],
)
def test_an_input_that_will_never_come_ends_the_run_at_once(error: Exception, type_name: str) -> None:
    place, ran = Place(), []
    head = place.start(LARGE, "k")
    event = place.event(head)
    place.objects.failures = [error]
    place.deliver(event, lambda event, _context: ran.append(event))
    told = place.bench.finished(head.run_id)
    assert (ran, told.status, told.error and told.error["type"]) == ([], "failed", type_name)
    assert len(place.objects.asked) == 1


def test_no_body_starts_when_its_input_came_after_the_lease() -> None:
    place, ran = Place(), []
    head = place.start(LARGE, "k")
    event = place.event(head)
    place.objects.then = lambda: place.bench.clock.step(60_001)
    with pytest.raises(NotClaimed):
        place.deliver(event, lambda event, _context: ran.append(event))
    assert ran == []


def claimed(place: Place, ended: list[Any] | None) -> Attempt:
    head = place.start(1, "k")
    claim = place.bench.store.apply(moves.claim(head.run_id, head.generation, place.bench.clock(), 60_000))
    assert isinstance(claim, Applied)
    runtime = place.runtime._replace(end_process=None if ended is None else ended.append)
    return Attempt(runtime, claim.head, place.bench.clock() + 60_000)


def test_where_nothing_kills_the_process_ends_itself_once_the_timeout_is_recorded() -> None:
    place, ended = Place(), []
    attempt = claimed(place, ended)
    attempt.run_out(60)
    assert ended == [1] and place.bench.finished(attempt.id).status == "timed_out"


def test_a_body_that_came_back_in_time_ends_no_process() -> None:
    place, ended = Place(), []
    attempt = claimed(place, ended)
    attempt.settle(outcomes.returned(1))
    attempt.run_out(60)
    assert ended == [] and place.bench.finished(attempt.id).status == "succeeded"


def test_on_managed_instances_alone_the_process_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from invoke_once.handler import runtime

    monkeypatch.setenv("ONCE_RUNS_TABLE", "t")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    ends = []
    for managed in (False, True):
        if managed:
            monkeypatch.setenv(MANAGED, "8")
        runtime.runtime.forget()
        ends.append(runtime.runtime().end_process)
    runtime.runtime.forget()
    assert ends == [None, os._exit]


def test_the_reference_in_an_event_is_only_a_sign() -> None:
    assert envelope_of({"invoke_once": {"run_id": "r", "generation": "g", "input_ref": "s3:in/x"}}) is not None


def test_a_body_sees_the_trace_it_was_started_under() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    bench, seen = Bench(traceparent=trace), []

    def body(_event: Any, _context: Any) -> None:
        seen.append((current_run().traceparent, current_run().tracestate))

    head = bench.start(1)
    event = json.loads(fired_event(head, b"1", bench.clock(), "vendor=1"))
    with bench._in_use():
        tracked(body)(event, Context(bench.clock, 60_000))
    bench.call(tracked(body), 1)
    assert seen == [(trace, "vendor=1"), (None, None)]


def test_an_envelope_is_read_with_everything_it_says() -> None:
    said = {"run_id": "r", "generation": "g", "attempt": 2, "lease_id": "l", "fired_at": 3, "input_ref": "s3:k",
            "tracestate": "t", "leg": 4}  # fmt: skip
    found = envelope_of({"invoke_once": said | {"v": 1, "more": 1}})
    assert found is not None and found._asdict() == said
    assert envelope_of({"invoke_once": {"run_id": "r"}}) == ("r", "", None, None, None, None, None, None)


@pytest.mark.parametrize("event", [None, [], "x", {}, {"invoke_once": []}, {"invoke_once": {"run_id": 1}}])
def test_what_has_no_envelope_is_a_direct_call(event: Any) -> None:
    assert envelope_of(event) is None

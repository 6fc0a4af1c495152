"""To the letter: what an attempt is given, tells and writes, and the last moment at which each thing is so."""

from __future__ import annotations

import time
from typing import Any

import pytest

from invoke_once import tracked
from invoke_once.errors import ContinueLater
from invoke_once.handler import body, fired, outcomes, runtime
from invoke_once.handler.checkpoints import Checkpoints
from invoke_once.handler.envelope import Envelope, fired_event, merged_event
from invoke_once.handler.runtime import Policy
from invoke_once.testing import Bench, Context
from tests.unit.handler.test_attempt import LEFT_MS, Work

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def work() -> Work:
    return Work({"traceparent": TRACE})


def test_the_events_that_the_service_fires(work: Work) -> None:
    run, generation, lease = work.head.run_id, work.head.generation, work.head.lease_id
    assert fired_event(work.queued, b'{"n":1}', 5, "v=1").decode() == (
        f'{{"invoke_once":{{"run_id": "{run}", "generation": "{generation}", "attempt": 1, "fired_at": 5, "v": 1, '
        f'"traceparent": "{TRACE}", "tracestate": "v=1"}},"input":{{"n":1}}}}'
    )
    assert merged_event(work.head, b' {"n":1} ').decode() == (
        f'{{"n":1,"invoke_once":{{"run_id": "{run}", "generation": "{generation}", "attempt": 1, '
        f'"lease_id": "{lease}", "v": 1, "traceparent": "{TRACE}"}}}}'
    )
    for text in (b"[1]", b"1", b'"x"'):
        with pytest.raises(ValueError, match="the input of an unwrapped function is an object"):
            merged_event(work.head, text)


def test_a_watchdog_has_the_time_that_lambda_leaves_its_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []

    class Noting(body.Watchdog):
        def __init__(self, attempt: Any, left_ms: int, heartbeat_ms: int) -> None:
            made.append((left_ms, heartbeat_ms))
            super().__init__(attempt, left_ms, heartbeat_ms)

    monkeypatch.setattr(body, "Watchdog", Noting)
    Bench(heartbeat_seconds=30).run(tracked(lambda event, context: event), 1, timeout_ms=70_000)
    assert made == [(70_000, 30_000)]


def test_a_bench_goes_on_when_the_next_attempt_is_due_and_only_where_there_is_one() -> None:
    bench, at = Bench(max_attempts=2, backoff_seconds=5, jitter=False), list[int]()

    @tracked
    def handler(event: Any, context: Any) -> int:
        at.append(bench.clock())
        if len(at) == 1:
            raise LookupError("not yet")
        return 1

    done = bench.go_on(handler, bench.run(handler))
    assert (done.status, at[1] - at[0]) == ("succeeded", 5_000)
    with pytest.raises(ValueError, match="the run is succeeded: it waits for no leg and no attempt"):
        bench.go_on(handler, done)
    bench.table.items.clear()
    with pytest.raises(ValueError, match="the run is gone: it waits"):
        bench.go_on(handler, done)


def test_a_sleep_is_any_number_of_seconds_to_seven_days(work: Work) -> None:
    for after in (0, 0.5, 1, 604_800):
        with pytest.raises(ContinueLater) as ends:
            work.attempt.continue_later(after)
        assert (ends.value.after_s, ends.value.asked) == (after, True)
    for wrong in (-1, 604_800.1, "1", None):
        with pytest.raises(ValueError, match="^continue_later takes seconds, from 0 to seven days$"):
            work.attempt.continue_later(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fraction", "kept"), [(0, 0.0), (1, 1.0), (0.123456, 0.1235), (-1, 0.0), (7, 1.0)])
def test_a_fraction_is_kept_to_four_places(work: Work, fraction: float, kept: float) -> None:
    work.attempt.progress(fraction)
    assert work.now().progress == kept


def test_the_time_left_is_in_seconds_and_never_below_nothing(work: Work) -> None:
    assert work.attempt.time_left == 60.0
    work.bench.clock.step(LEFT_MS - 1)
    assert work.attempt.time_left == 0.001
    work.bench.clock.step(5_000)
    assert work.attempt.time_left == 0.0


def test_a_look_for_a_cancel_costs_half_a_read_unit_and_comes_once_in_two_seconds(work: Work) -> None:
    asked, get = list[bool](), work.table.get
    work.table.get = lambda *key, consistent=True: (asked.append(consistent), get(*key))[1]  # type: ignore[method-assign]
    work.bench.clock.step(1_999)
    assert not work.attempt.cancel_requested and asked == []
    work.bench.clock.step(1)
    assert not work.attempt.cancel_requested and not work.attempt.cancel_requested and asked == [False]
    work.table.get = lambda *key, consistent=True: None  # type: ignore[method-assign]
    work.bench.clock.step(2_000)
    assert not work.attempt.cancel_requested
    work.attempt.check()  # a copy that has not heard of the run says nothing


def test_how_long_an_input_is_waited_for(work: Work) -> None:
    now_ms = work.bench.clock()
    assert fired._patience_ends_ms(work.runtime, work.head) == now_ms + 6_000
    work.bench.clock.now_ms = now_ms - 900_000
    assert fired._patience_ends_ms(work.runtime, work.head) == now_ms - 900_000 + 30_000


def test_a_claim_with_a_heartbeat_says_until_when_its_body_may_live(work: Work) -> None:
    queued = work.bench.start(1)
    beating = work.runtime._replace(policy=Policy(heartbeat_ms=5_000))
    envelope = Envelope(queued.run_id, queued.generation)
    claimed, deadline_ms = fired.claim_run(beating, envelope, Context(work.bench.clock, LEFT_MS))
    now_ms = work.bench.clock()
    assert claimed.head is not None
    assert (claimed.head.lease_until, claimed.head.body_until) == (now_ms + 15_000, now_ms + 70_000)
    assert deadline_ms == now_ms + 60_000


@pytest.mark.parametrize(("late_ms", "asks"), [(5_000, False), (5_001, True)])
def test_an_event_older_than_five_seconds_asks_for_a_pause(
    work: Work, monkeypatch: pytest.MonkeyPatch, late_ms: int, asks: bool
) -> None:
    from invoke_once.handler import paused

    asked = list[str]()
    monkeypatch.setattr(paused, "is_paused", lambda _rt, function: asked.append(function))
    queued = work.bench.start(1)
    envelope = Envelope(queued.run_id, queued.generation, fired_at=work.bench.clock())
    work.bench.clock.step(late_ms)
    event = {"input": 1}
    answer = fired.run_fired(work.runtime, lambda *_: 1, event, Context(work.bench.clock, LEFT_MS), envelope)
    assert (answer, bool(asked)) == ({"run_id": queued.run_id, "status": "succeeded"}, asks)


def test_a_timeout_is_told_as_one() -> None:
    told = outcomes.out_of_time(59.94)
    assert (told.status, told.error_type, told.retriable) == ("timed_out", "TimedOut", True)
    assert b'"the attempt was about to pass its function\'s timeout after 59.9 s"' in (told.error or b"")
    assert b'"TimedOut"' in (told.error or b"")


def test_the_clock_is_in_milliseconds() -> None:
    assert abs(runtime.now_ms() - time.time() * 1000) < 3_600_000


def test_once_is_the_least_that_attempts_and_legs_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("ONCE_MAX_LEGS", "1")
    monkeypatch.setenv("ONCE_BACKOFF_SECONDS", "0")
    found: Any = runtime._policy()
    assert (found.max_attempts, found.max_legs, found.backoff_ms) == (1, 1, 0)


def test_a_leg_is_over_when_its_longest_stretch_and_a_quarter_would_not_fit_before_the_watchdog(work: Work) -> None:
    made = Checkpoints(work.runtime.payloads, work.head, 0, 60_000)
    assert (made.newer, made.leg_is_over(58_000), made.leg_is_over(58_001)) == (False, False, True)
    made.make(1, 4_000)
    assert (made.newer, made.leg_is_over(53_000), made.leg_is_over(53_001)) == (True, False, True)

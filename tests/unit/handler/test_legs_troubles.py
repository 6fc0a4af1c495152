"""Legs where something is wrong meanwhile: clocks that differ, S3 away, a body that outlives its watchdog."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

import pytest

from invoke_once import ContinueLater, current_run, tracked
from invoke_once.handler.attempt import STATE_PATIENCE_MS, Attempt
from invoke_once.handler.envelope import fired_event
from invoke_once.handler.outcomes import raised
from invoke_once.handler.runtime import PAUSES_S, Policy, Runtime, use_runtime
from invoke_once.life import moves
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Refused
from invoke_once.testing import Bench, Context
from tests.unit.handler.test_legs import LEG_MS, Work, bill

OFF_MS = 300_000
#: The last try may follow one whole pause with its jitter.
LONGEST_PAUSE_MS = 1.5 * 1000 * PAUSES_S[-1]
LARGE = "".join(str(n * n) for n in range(20_000))


@pytest.mark.parametrize("off_ms", [-OFF_MS, 0, OFF_MS])
@pytest.mark.parametrize("how", ["checkpoint", "timeout", "sleep"])
def test_legs_go_on_where_the_worker_s_clock_is_off(off_ms: int, how: str) -> None:
    """The service keeps `bench.clock`; the worker's own is five minutes behind, or ahead."""
    bench = Bench(on_timeout="continue")
    handler = bill(4, lambda page: ends[how]() if page == 2 and current_run().leg == 1 else None)
    ends: dict[str, Any] = {
        "checkpoint": lambda: bench.clock.step(4_500),
        "timeout": bench.time_out,
        "sleep": lambda: current_run().continue_later(after=60),
    }
    head = bench.start()
    for _ in range(5):
        real = bench.clock
        worker = type(real)(real() + off_ms)
        bench.clock = worker
        bench.deliver(handler, head, timeout_ms=LEG_MS)
        real.step(worker() - off_ms - real())
        bench.clock = real
        found = bench.store.get(head.run_id, real())
        assert found is not None
        if found.terminal:
            break
        assert (found.status, found.leg, found.attempt_number) == ("queued", 2, 1)
        real.to(max(found.not_before or 0, real()))  # by its own clock
        released = bench.store.apply(moves.release(found, real())).head
        assert released is not None
        head = released
    run = bench.finished(head.run_id)
    assert (run.status, run.output, run.attempt) == ("succeeded", {"pages": 4, "legs": 2}, 1)


@pytest.mark.parametrize("off_ms", [-OFF_MS, OFF_MS])
def test_a_zombie_of_a_leg_writes_nothing_whatever_its_clock_says(off_ms: int) -> None:
    work = Work()
    work.attempt.checkpoint(1, now=True)
    zombie = work.attempt
    work.bench.clock.to(work.head.lease_until + 1)
    lost = work.bench.store.apply(moves.lose_leg(work.now(), work.bench.clock(), seen_dead=False)).head
    assert lost is not None
    work.head = lost
    work.claim()
    before = work.now()
    zombie._runtime = zombie._runtime._replace(now_ms=lambda: work.bench.clock() + off_ms)
    with suppress(ContinueLater):  # by a clock that is ahead its time is over
        zombie.checkpoint("late")
    zombie.beat(60_000)
    for outcome in (raised(ContinueLater()), raised(ContinueLater(asked=False))):
        assert isinstance(zombie._settle(outcome), Refused)
    assert work.now() == before and work.kept() == 1


@pytest.mark.parametrize("asked", [True, False])
def test_s3_away_at_the_legs_end_leaves_the_state_before_and_the_run_goes_on(asked: bool) -> None:
    work = Work()
    work.attempt.checkpoint("small", now=True)
    work.objects.away = True
    work.attempt.checkpoint(LARGE)
    began = work.bench.clock()
    work.attempt.settle(raised(ContinueLater(60, asked=asked)))
    head = work.now()
    assert (head.status, head.leg, work.kept()) == ("queued", 2, "small")
    assert work.bench.clock() - began < STATE_PATIENCE_MS + LONGEST_PAUSE_MS
    work.objects.away = False
    work.head = work.bench.store.apply(moves.release(head, head.not_before or 0)).head  # type: ignore[assignment]
    work.claim()
    assert work.attempt.state == "small"
    work.attempt.checkpoint(LARGE, now=True)
    assert work.kept() == LARGE, "numbers go on where the lost one would have been"


def test_a_body_that_outlives_its_watchdog_is_alone_until_lambda_has_killed_it() -> None:
    """The watchdog has ended the leg; the body goes on, checkpoints and returns: nothing of that is kept."""
    bench = Bench(on_timeout="continue")
    began, seen = bench.clock(), {}

    @tracked
    def handler(event: Any, context: Any) -> Any:
        run = current_run()
        assert isinstance(run, Attempt)
        if run.leg > 1:
            return {"state": run.state}
        run.checkpoint(1)
        bench.clock.step(4_800)
        thread = threading.Thread(target=run.run_out, args=(6.0,))
        thread.start()
        thread.join()
        head = bench.store.get(run.id, bench.clock())
        assert head is not None
        seen["not_before"] = head.not_before
        for at in (bench.clock(), began + LEG_MS, began + LEG_MS + LEASE_GRACE_MS - 1):
            claim = moves.claim(head.run_id, head.generation, at, 6_000, leg=2)
            assert isinstance(bench.store.apply(claim), Refused)
        run.progress(0.9)
        run.checkpoint(2)
        return "too late"

    run = bench.run(handler, timeout_ms=LEG_MS)
    assert (run.status, run.leg, run.state, run.progress) == ("queued", 2, 1, None)
    assert seen["not_before"] == began + LEG_MS + LEASE_GRACE_MS
    ended = bench.go_on(handler, run, timeout_ms=LEG_MS)
    assert (ended.status, ended.output) == ("succeeded", {"state": 1})


def test_a_cancel_between_legs_ends_the_run_and_a_late_event_of_the_leg_starts_nothing() -> None:
    bench = Bench()
    seen: list[int] = []

    @tracked
    def handler(event: Any, context: Any) -> Any:
        seen.append(current_run().leg)
        current_run().checkpoint({"page": 3})
        current_run().continue_later(60)

    run = bench.run(handler)
    bench.clock.to(run.head.not_before or 0)
    released = bench.store.apply(moves.release(run.head, bench.clock())).head
    assert released is not None
    bench.store.apply(moves.cancel(released, bench.clock()))
    runtime = Runtime(bench.store, bench.payloads, bench.clock, Policy(), bench._sleep)
    with use_runtime(runtime):
        answer = handler(json.loads(fired_event(released, b"null", bench.clock())), Context(bench.clock, 6_000))
    assert answer == {"run_id": run.id, "status": "cancelled", "duplicate": True}
    ended = bench.finished(run.id)
    assert (ended.status, ended.state, seen) == ("cancelled", {"page": 3}, [1])

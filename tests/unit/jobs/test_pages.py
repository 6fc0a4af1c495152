"""The sample `pages`: work that is longer than its function's timeout, and a sleep half way."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.jobs import pages
from invoke_once import current_run, tracked
from invoke_once.testing import Bench, Finished

LEG_MS = 6_000


def sample(bench: Bench, seen: list[int] | None = None) -> Any:
    """The handler of the sample, with a sleep that steps the clock."""

    def sleep(seconds: float) -> None:
        if seen is not None:
            seen.append(current_run().leg)
        bench._sleep(seconds)

    @tracked
    def handler(event: Any, context: Any) -> Any:
        return pages.work(event, current_run(), sleep)

    return handler


def ended(bench: Bench, handler: Any, given: Any) -> Finished:
    run = bench.run(handler, given, timeout_ms=LEG_MS)
    for _ in range(50):
        if run.head.terminal:
            return run
        run = bench.go_on(handler, run, timeout_ms=LEG_MS)
    raise AssertionError("it never ends")


@pytest.fixture
def bench() -> Bench:
    return Bench(on_timeout="continue")


def test_twenty_seconds_of_work_by_a_function_of_six(bench: Bench) -> None:
    began = bench.clock()
    run = ended(bench, sample(bench), None)
    assert run.status == "succeeded"
    assert run.output == {"pages": 40, "legs": run.leg, "visited": [1] * 40}
    assert (run.attempt, run.progress) == (1, 1.0) and 4 <= run.leg <= 6
    assert bench.clock() - began == 20_000, "no leg waits for the one before, and no page is done twice"


@pytest.mark.parametrize(("count", "sleeps"), [(4, 1), (5, 1), (40, 1), (2, 1)])
def test_it_sleeps_once_half_way(bench: Bench, count: int, sleeps: int) -> None:
    began = bench.clock()
    run = ended(bench, sample(bench), {"pages": count, "seconds_per_page": 0.5, "sleep_after": 3_600})
    assert run.output is not None and run.output["visited"] == [1] * count
    assert bench.clock() - began == sleeps * 3_600_000 + count * 500
    assert run.leg >= 2 and run.attempt == 1


def test_a_sleep_of_nothing_is_another_leg(bench: Bench) -> None:
    run = ended(bench, sample(bench), {"pages": 4, "seconds_per_page": 0.1, "sleep_after": 0})
    assert run.output == {"pages": 4, "legs": 2, "visited": [1] * 4}


def test_the_leg_that_is_killed_repeats_only_what_it_had_not_kept() -> None:
    bench = Bench(on_timeout="continue")
    killed: list[int] = []

    def sleep(seconds: float) -> None:
        if not killed and current_run().state and current_run().state["page"] == 3:
            killed.append(current_run().leg)
            bench.time_out()
        bench._sleep(seconds)

    @tracked
    def handler(event: Any, context: Any) -> Any:
        return pages.work(event, current_run(), sleep)

    run = ended(bench, handler, {"pages": 6, "seconds_per_page": 0.5})
    assert run.output == {"pages": 6, "legs": 2, "visited": [1] * 6} and killed == [1]


def test_a_cancelled_run_stops_before_its_next_page(bench: Bench) -> None:
    from invoke_once.life import moves

    done: list[float] = []

    def sleep(seconds: float) -> None:
        done.append(seconds)
        bench._sleep(seconds)
        if len(done) == 2:
            head = bench.store.get(current_run().id, bench.clock())
            assert head is not None
            bench.store.apply(moves.request_cancel(head))

    @tracked
    def handler(event: Any, context: Any) -> Any:
        return pages.work(event, current_run(), sleep)

    run = bench.run(handler, {"pages": 40, "seconds_per_page": 0.1})
    assert run.status == "cancelled" and len(done) < 40
    assert run.state is not None and run.state["page"] >= 2


@pytest.mark.parametrize("wrong", [{"pages": -1}, {"pages": "4"}, {"seconds_per_page": -1}, {"sleep_after": "1"}, [1]])
def test_it_refuses_what_it_cannot_do(bench: Bench, wrong: Any) -> None:
    run = bench.run(sample(bench), wrong)
    assert (run.status, run.state) == ("failed", None)

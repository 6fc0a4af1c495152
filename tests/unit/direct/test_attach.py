"""`attach=True`: a call that is fired again waits for the first, and gets its answer."""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from invoke_once import tracked
from invoke_once.errors import StillRunning
from invoke_once.handler.direct.call import payload_of
from invoke_once.handler.outcomes import raised
from invoke_once.handler.runtime import Runtime, use_runtime
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.testing import Context
from tests.unit.direct import events
from tests.unit.direct.world import FUNCTION, TENANT, Body, World

EVENT = {"order": 17}
SLOT = payload_of(TENANT, FUNCTION, EVENT)


def test_a_duplicate_waits_for_the_first_and_returns_its_outcome(world: World) -> None:
    body, live = Body(), world.elsewhere("e-1")
    world.after(8_000, lambda: world.end(live, {"count": 1}))
    began = world.clock()
    assert world.call(tracked(attach=True)(body), events.eventbridge("e-1")) == {"count": 1}
    assert body.count == 0
    assert 8_000 <= world.clock() - began < 9_100  # looked at once a second


def test_a_duplicate_gets_the_firsts_error_under_its_own_name(world: World) -> None:
    live = world.elsewhere("e-1")
    world.after(500, lambda: world.end(live, outcome=raised(ZeroDivisionError("by zero"))))
    with pytest.raises(Exception, match="^by zero$") as found:
        world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"))
    assert type(found.value).__name__ == "ZeroDivisionError"


def test_a_waiting_caller_gives_up_before_its_own_time_is_over(world: World) -> None:
    live = world.elsewhere("e-1", lease_ms=900_000)
    began = world.clock()
    with pytest.raises(StillRunning, match=live.run_id):
        world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"), timeout_ms=20_000)
    assert 18_000 <= world.clock() - began < 20_000
    assert world.head("e-1") == live, "the run is as it was"


def test_a_caller_with_little_time_still_waits_most_of_it(world: World) -> None:
    live = world.elsewhere("e-1")
    world.after(1_500, lambda: world.end(live, "soon"))
    assert world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"), timeout_ms=3_000) == "soon"


def test_waiting_costs_reads_alone(world: World) -> None:
    live = world.elsewhere("e-1")
    world.after(30_000, lambda: world.end(live, 1))
    before = world.table.writes
    world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"))
    assert world.table.writes == before + 1  # the outcome of the first itself


# Without a key: by the payload


def test_equal_calls_without_a_key_meet_in_one_run(world: World) -> None:
    body, live = Body(), world.elsewhere(SLOT.key(1), EVENT)
    world.after(3_000, lambda: world.end(live, "one"))
    assert world.call(tracked(attach=True)(body), dict(EVENT)) == "one"
    assert body.count == 0 and len(world.runs()) == 1


def test_key_order_does_not_make_a_call_another() -> None:
    assert payload_of("t", "f", {"a": 1, "b": [2, {"c": 3, "d": 4}]}) == payload_of(
        "t", "f", {"b": [2, {"d": 4, "c": 3}], "a": 1}
    )


@pytest.mark.parametrize("other", [{"order": 18}, {"order": "17"}, {"order": 17, "x": None}, [{"order": 17}], None])
def test_another_payload_is_another_run(world: World, other: Any) -> None:
    body = Body()
    world.call(tracked(attach=True)(body), EVENT)
    world.call(tracked(attach=True)(body), other)
    assert body.count == 2


@pytest.mark.parametrize(("after_ms", "runs"), [(0, 1), (60_000, 1), (60_001, 2)])
def test_an_equal_call_is_a_new_run_when_the_first_ended_longer_ago_than_the_window(
    world: World, after_ms: int, runs: int
) -> None:
    body = Body(lambda event: body.count)
    handler = tracked(attach=True)(body)
    assert world.call(handler, EVENT) == 1
    world.pass_(after_ms)
    assert world.call(handler, EVENT) == runs
    assert len(world.runs()) == runs


def test_the_window_counts_from_the_end_not_from_the_start(world: World) -> None:
    live = world.elsewhere(SLOT.key(1), EVENT, lease_ms=600_000)
    world.pass_(500_000)
    world.end(live, "slow")
    world.pass_(59_000)
    body = Body()
    assert world.call(tracked(attach=True)(body), EVENT) == "slow"
    assert body.count == 0


def test_the_window_is_the_functions_own(world: World) -> None:
    body = Body()
    handler = tracked(attach=True, attach_seconds=0.5)(body)
    for _ in range(3):
        world.call(handler, EVENT)
        world.pass_(501)
    assert body.count == 3


def test_earlier_runs_stay_with_their_outcomes(world: World) -> None:
    body = Body(lambda event: body.count)
    handler = tracked(attach=True)(body)
    for _ in range(3):
        world.call(handler, EVENT)
        world.pass_(61_000)
    assert [world.output(world.head(SLOT.key(n))) for n in (1, 2, 3)] == [1, 2, 3]


def test_a_failed_first_is_told_to_equal_calls_within_the_window_too(world: World) -> None:
    def fail(event: Any) -> None:
        raise ValueError("no")

    body = Body(fail)
    for _ in range(3):
        with pytest.raises(Exception, match="^no$"):
            world.call(tracked(attach=True)(body), EVENT)
    assert body.count == 1


def test_a_caller_that_died_before_it_left_its_hint_is_found_all_the_same(world: World) -> None:
    """Its run is there, the slot's hint is not: the next caller comes to the same number and is refused."""
    live = world.elsewhere(SLOT.key(1), EVENT)
    assert SLOT.last_number(world.store) == 0
    world.after(1_000, lambda: world.end(live, "first"))
    assert world.call(tracked(attach=True)(Body()), EVENT) == "first"


def test_a_caller_that_died_leaves_the_next_number_free(world: World) -> None:
    """Its run ended long ago and the hint was never written: the next run is number 2, not a replay."""
    world.end(world.elsewhere(SLOT.key(1), EVENT), "old")
    world.pass_(61_000)
    assert world.call(tracked(attach=True)(Body(lambda event: "new")), EVENT) == "new"
    assert SLOT.last_number(world.store) == 2


def test_a_dead_first_is_ended_by_who_waits_for_it(world: World) -> None:
    """No service, no sweep: the waiting caller sees the lease end, and the next equal call may run."""
    world.elsewhere(SLOT.key(1), EVENT, lease_ms=5_000, on_lost="fail")
    with pytest.raises(Exception, match="vanished") as found:
        world.call(tracked(attach=True)(Body()), EVENT)
    assert type(found.value).__name__ == "AttemptLost"
    assert world.head(SLOT.key(1)).status == "failed"
    world.pass_(61_000)
    assert world.call(tracked(attach=True)(Body(lambda event: "alive")), EVENT) == "alive"


def test_the_hint_may_fail_and_the_run_goes_on(world: World) -> None:
    world.table.away = {"slot"}
    body = Body(lambda event: "done")
    assert world.call(tracked(attach=True)(body), EVENT) == "done"
    assert world.call(tracked(attach=True)(body), EVENT) == "done"
    assert body.count == 1


def test_the_hint_never_goes_back(world: World) -> None:
    from invoke_once.handler.direct import slots

    slots._hint(world.runtime, SLOT, 5)
    slots._hint(world.runtime, SLOT, 4)
    assert SLOT.last_number(world.store) == 5


def test_an_event_with_an_id_of_its_own_needs_no_slot(world: World) -> None:
    body = Body()
    world.call(tracked(attach=True)(body), events.eventbridge("e-1", EVENT))
    world.call(tracked(attach=True)(body), events.eventbridge("e-2", EVENT))
    assert body.count == 2
    assert world.keys() == ["e-1", "e-2"]


def test_with_a_key_the_outcome_is_replayed_for_as_long_as_the_run_is_kept(world: World) -> None:
    body = Body()
    handler = tracked(key="order", attach=True)(body)
    for _ in range(3):
        world.call(handler, EVENT)
        world.pass_(10 * 86_400_000)
    assert body.count == 1
    assert world.keys() == ["17"]


def test_a_lease_that_was_only_just_not_over_is_waited_for(world: World) -> None:
    live = world.elsewhere("e-1", lease_ms=1_000)
    world.pass_(1_000 + LEASE_GRACE_MS)  # exactly its end: still its own
    world.after(50, lambda: world.end(live, "in time"))
    assert world.call(tracked(attach=True)(Body()), events.eventbridge("e-1")) == "in time"


# Many callers at once, on real threads


class Crowd:
    """Callers of one handler at the same moment: real threads and time on the memory engine."""

    def __init__(self, callers: int) -> None:
        self.world = World()
        self.callers = callers
        self.waiting: set[int] = set()
        self._all_wait = threading.Event()

    def _sleep(self, seconds: float) -> None:
        """What a waiting caller sleeps by; the last one to come lets the body end."""
        self.waiting.add(threading.get_ident())
        if len(self.waiting) == self.callers - 1:
            self._all_wait.set()
        time.sleep(0.005)

    def body(self, event: Any) -> None:
        assert self._all_wait.wait(20), f"only {len(self.waiting)} callers came to wait"

    def ask(self, handler: Any, event: Any) -> list[Any]:
        runtime = Runtime(
            self.world.store, self.world.payloads, _now_ms, self.world.policy, self._sleep
        )  # fmt: skip

        def one(number: int) -> Any:
            try:
                return handler(event, Context(_now_ms, 60_000, f"request-{number}"))
            except Exception as error:
                return type(error).__name__, str(error)

        with use_runtime(runtime), ThreadPoolExecutor(self.callers) as pool:
            return list(pool.map(one, range(self.callers)))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize("key", [None, "order"])
def test_thirty_attached_callers_see_the_same_outcome_of_one_body(key: str | None) -> None:
    crowd = Crowd(30)
    body = Body(lambda event: (crowd.body(event), {"n": body.count})[1])
    answers = crowd.ask(tracked(key=key, attach=True)(body), EVENT)
    assert answers == [{"n": 1}] * 30
    assert body.count == 1 and len(crowd.world.runs()) == 1


def test_thirty_attached_callers_see_the_same_error() -> None:
    def fail(event: Any) -> None:
        crowd.body(event)
        raise LookupError("nothing there")

    crowd = Crowd(30)
    body = Body(fail)
    assert crowd.ask(tracked(attach=True)(body), EVENT) == [("LookupError", "nothing there")] * 30
    assert body.count == 1


def test_an_equal_call_is_the_same_for_a_minute_unless_told() -> None:
    assert inspect.signature(tracked).parameters["attach_seconds"].default == 60


def test_a_waiting_call_looks_less_and_less_often(world: World) -> None:
    live, slept = world.elsewhere("e-1", lease_ms=60_000), list[float]()
    ends_ms = world.clock() + 4_000

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.step(round(seconds * 1000))
        if world.clock() >= ends_ms and not world.head("e-1").terminal:
            world.end(live, 1)

    world._sleep = sleep  # type: ignore[method-assign]
    assert world.call(tracked(key=lambda _: "e-1", attach=True)(Body())) == 1
    assert slept == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]

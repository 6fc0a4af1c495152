"""The life of a batch from its POST to its outcome, in memory: spread, counted, ended, told, retried, cancelled."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chalicelib.batches import spread
from chalicelib.batches.start import cancel, retry
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import KeyReused
from invoke_once import tracked
from invoke_once.life.status import Status
from invoke_once.store.store import Refused
from invoke_once.testing import Bench
from tests.unit.batches.world import World
from tests.unit.dying import Dies, dying


def every_third_fails_once(index: int, time: int) -> Status:
    return Status.FAILED if index % 3 == 0 and time == 1 else Status.SUCCEEDED


def test_every_item_is_one_run_and_the_end_is_told_once() -> None:
    world = World()
    batch_id = world.post(250).batch.run_id
    world.drain()
    batch = world.batch(batch_id)
    assert batch.status == "succeeded"
    assert [head.batch_index for head in world.runs(batch_id)] == list(range(250))
    assert set(world.bodies.values()) == {1}
    assert [(status, counts["succeeded"]) for _, status, counts in world.told] == [("succeeded", 250)]


def test_a_repeated_post_is_the_same_batch_also_while_it_is_spread() -> None:
    world = World()
    first = world.post(120)
    world.attend(world.queues.attends.pop(0))
    again = world.post(120)
    assert again.replayed and again.batch.run_id == first.batch.run_id
    with pytest.raises(KeyReused):
        world.post(9)
    world.drain()
    assert len(world.runs(first.batch.run_id)) == 120
    assert set(world.bodies.values()) == {1}


def test_what_a_killed_worker_has_left_is_done_by_the_next_ones_that_are_sent() -> None:
    world = World()
    batch_id = world.post(30).batch.run_id
    world.queues.attends.clear()
    assert spread._take(world.svc, world.batch(batch_id), 0, "chunk") is not None  # and there it ends
    world.clock.step(spread.RESPREAD_MS)
    world.attend({"run_ids": [batch_id]})
    assert [event["spread"] for event in world.queues.attends] == [batch_id]
    world.attend(world.queues.attends.pop())
    assert len(world.queues.targets) == 30


def test_a_retry_runs_the_unsuccessful_ones_alone_and_tells_again() -> None:
    world = World(body=every_third_fails_once)
    batch_id = world.post(30).batch.run_id
    world.drain()
    assert world.batch(batch_id).status == "failed"
    assert retry(world.svc, world.batch(batch_id)) is not None
    world.drain()
    assert world.batch(batch_id).status == "succeeded"
    assert [world.bodies[index] for index in range(6)] == [2, 1, 1, 2, 1, 1]
    assert [(status, counts["failed"], counts["succeeded"]) for _, status, counts in world.told] == [
        ("failed", 10, 20), ("succeeded", 0, 30)]  # fmt: skip
    assert len({webhook_id for webhook_id, *_ in world.told}) == 2


@pytest.mark.parametrize(("first", "passes"), [(Status.FAILED, 2), (Status.SUCCEEDED, 1)])
def test_a_repeat_with_rerun_runs_a_failed_batch_again_and_no_other(first: Status, passes: int) -> None:
    world = World(body=lambda _index, time: first if time == 1 else Status.SUCCEEDED)
    batch_id = world.post(3).batch.run_id
    world.drain()
    again = world.post(3, if_failed="rerun")
    assert (again.replayed, again.batch.pass_number) == (True, passes)
    world.drain()
    assert set(world.bodies.values()) == {passes} and world.batch(batch_id).status == "succeeded"


def test_with_max_running_no_more_are_begun_at_once() -> None:
    world = World()
    batch_id = world.post(40, max_running=3).batch.run_id
    world.drain()
    assert world.batch(batch_id).status == "succeeded"
    assert world.live_most <= 3
    assert set(world.bodies.values()) == {1} and len(world.bodies) == 40


@pytest.mark.parametrize("max_running", [None, 5])
def test_a_cancelled_batch_begins_nothing_more_and_counts_what_never_began(max_running: int | None) -> None:
    world = World()
    batch_id = world.post(150, max_running=max_running).batch.run_id
    world.attend(world.queues.attends.pop(0), budget_ms=20_000)
    began = len(world.queues.targets)
    world.queues.targets.clear()
    assert cancel(world.svc, world.batch(batch_id)) is not None
    world.drain()
    batch = world.batch(batch_id)
    assert batch.status == "cancelled"
    assert began > 0 and not world.bodies
    assert world.told[0][2]["cancelled"] == 150 and len(world.told) == 1


def attend_and_die(world: World, event: dict[str, Any], writes: int) -> None:
    """Deliver an event to a process that is killed before its write number `writes`."""
    with suppress(Dies), dying(world.table, "write", writes):
        world.attend(event)


@pytest.mark.parametrize("spreader_dies", range(0, 8, 2))
@pytest.mark.parametrize("stopper_dies", range(0, 8, 2))
def test_a_cancel_ends_every_item_once_though_who_spreads_and_who_stops_are_killed(
    spreader_dies: int, stopper_dies: int
) -> None:
    world = World()
    batch_id = world.post(5).batch.run_id
    attend_and_die(world, world.queues.attends.pop(0), spreader_dies)
    if world.queues.targets:
        world.run_body(world.queues.targets.pop(0))
    succeeded = len(world.bodies)
    assert cancel(world.svc, world.batch(batch_id)) is not None
    attend_and_die(world, world.queues.attends.pop(0), stopper_dies)
    late = list(world.queues.targets)
    world.queues.targets.clear()
    world.drain()
    for event in late:  # Lambda has kept them for long
        world.run_body(event)
    assert [head.batch_index for head in world.runs(batch_id)] == list(range(5))
    ((_, status, counts),) = world.told
    assert (status, counts["succeeded"], counts["cancelled"]) == ("cancelled", succeeded, 5 - succeeded)
    assert len(world.bodies) == succeeded


def test_an_item_of_a_running_batch_is_not_sent_again_by_itself() -> None:
    world = World(body=every_third_fails_once)
    batch_id = world.post(10, max_running=2).batch.run_id
    world.attend(world.queues.attends.pop(0))
    while world.queues.targets:
        world.run_body(world.queues.targets.pop(0))
    failed = world.runs(batch_id)[0]
    assert failed.status == "failed"
    result = dispatch.redrive(world.svc, failed)
    assert isinstance(result, Refused) and result.arms == ("its batch has ended",)


def test_a_run_sent_again_by_itself_counts_in_the_next_pass() -> None:
    world = World(body=every_third_fails_once)
    batch_id = world.post(3).batch.run_id
    world.drain()
    dispatch.redrive(world.svc, world.runs(batch_id)[0])
    assert retry(world.svc, world.batch(batch_id)) is not None
    world.drain()
    assert world.batch(batch_id).status == "succeeded"
    assert world.bodies[0] == 2


def test_what_has_succeeded_and_is_forgotten_does_not_run_again() -> None:
    world = World(body=every_third_fails_once)
    batch_id = world.post(3).batch.run_id
    world.drain()
    for key in [key for key, item in world.table.items.items() if item.get("batch") == batch_id]:  # type: ignore[attr-defined]
        del world.table.items[key]  # type: ignore[attr-defined]
    assert retry(world.svc, world.batch(batch_id)) is not None
    world.drain()
    assert world.batch(batch_id).status == "succeeded"
    assert [world.bodies[index] for index in range(3)] == [2, 1, 1]


def test_the_bench_maps_a_handler_over_events() -> None:
    @tracked
    def double(event: int, _context: object) -> int:
        if event == 2:
            raise ValueError("no")
        return event * 2

    found = Bench().map(double, [1, 2, 3])
    assert [(run.status, run.output) for run in found] == [("succeeded", 2), ("failed", None), ("succeeded", 6)]

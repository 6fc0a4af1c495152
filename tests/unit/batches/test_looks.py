"""Looks at a large batch: one at a time, cut off at any moment, woken for whatever has happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from chalicelib.batches import look, spread, tally
from chalicelib.batches.start import cancel
from invoke_once.life.batch import CHUNK, chunk_part
from invoke_once.life.move import Move
from tests.unit.batches.streamed import Streamed
from tests.unit.dying import Dies, dying

TOTAL = 3 * CHUNK


def begun(total: int = TOTAL) -> tuple[Streamed, str]:
    """Each of its items is a run that was fired; nothing of the stream has been delivered."""
    world = Streamed()
    batch_id = world.post(total).batch.run_id
    while world.queues.attends:
        world.attend(world.queues.attends.pop(0))
    return world, batch_id


def ended(total: int = TOTAL) -> tuple[Streamed, str]:
    """All its runs have ended, and no look has seen that."""
    world, batch_id = begun(total)
    while world.queues.targets:
        world.run_body(world.queues.targets.pop(0))
    world.clock.step(2_000)
    return world, batch_id


def look_at(world: Streamed, batch_id: str) -> None:
    world.attend({"run_ids": [batch_id]})


def at_first_read(world: Streamed, act: Callable[[], object]) -> None:
    """Have something happen once, in the middle of a look."""
    left = [act]
    world.streaming.at_read = lambda: left.pop()() if left else None


def look_and_die(world: Streamed, batch_id: str, reads: int) -> None:
    with suppress(Dies), dying(world.streaming, "get_many", reads):
        look_at(world, batch_id)


def test_who_comes_while_a_look_is_under_way_reads_no_run_and_arranges_once_to_come_again() -> None:
    world, batch_id = begun()
    others: list[int] = []

    def meanwhile() -> None:
        before = len(world.streaming.read), world.streaming.writes
        for _ in range(5):
            look_at(world, batch_id)
        others.extend((len(world.streaming.read) - before[0], world.streaming.writes - before[1]))

    at_first_read(world, meanwhile)
    look_at(world, batch_id)
    assert others == [0, 1] and world.streaming.read == [CHUNK] * 3
    batch = world.batch(batch_id)
    assert batch.not_before == world.clock() + look.spacing_ms(batch), "what was arranged meanwhile has stayed"


def test_a_small_look_says_nothing_before_it_reads() -> None:
    world, batch_id = begun()
    world.large = 3
    before = world.streaming.writes
    look_at(world, batch_id)
    assert world.streaming.writes - before == 1


def test_a_run_that_ends_during_a_look_is_seen_by_a_later_one_without_a_sweep() -> None:
    world, batch_id = begun()
    world.stream(most=10_000)  # its births tell nothing, and its first look is arranged
    first_to_last = [world.queues.targets.pop(0) for _ in range(TOTAL)]

    def meanwhile() -> None:
        for event in first_to_last:
            world.run_body(event)
        world.stream(most=10_000)
        while world.queues.attends:
            world.attend(world.queues.attends.pop(0))

    # after it has read: what it saw is old when it is written
    world.streaming.at_write = lambda move: (meanwhile_once(), move)[1] if "counts" in move.set else move
    once = [meanwhile]

    def meanwhile_once() -> None:
        if once:
            once.pop()()

    look_at(world, batch_id)
    assert world.batch(batch_id).running
    world.flow(15_000)
    assert world.batch(batch_id).status == "succeeded" and len(world.told) == 1


def test_a_look_that_died_is_followed_when_its_mark_has_lapsed() -> None:
    world, batch_id = ended()
    died_ms = world.clock()
    look_and_die(world, batch_id, reads=0)
    look_at(world, batch_id)
    world.stream(most=10_000)
    world.flow(look.MARK_MS + 1_000)
    batch = world.batch(batch_id)
    assert batch.status == "succeeded" and (batch.finished_at or 0) <= died_ms + look.MARK_MS + 1_000


def test_with_the_sweep_alone_a_look_that_died_is_followed_within_two_minutes() -> None:
    world, batch_id = ended()
    look_and_die(world, batch_id, reads=0)
    for _ in range(2):
        world.clock.step(60_000)
        world.sweep()
        while world.queues.attends:
            world.attend(world.queues.attends.pop(0))
    assert world.batch(batch_id).status == "succeeded"


@pytest.mark.parametrize("large", [0, look.LARGE])
def test_the_letters_of_a_chunk_that_is_not_complete_are_noted_every_ten_minutes(large: int) -> None:
    world, batch_id = begun(8)
    world.large = large
    look_at(world, batch_id)
    for _ in range(3):
        world.run_body(world.queues.targets.pop(0))
    world.clock.to((world.clock() // tally.NOTED_EVERY_MS + 1) * tally.NOTED_EVERY_MS - 1_000)
    for _ in range(2):  # the sweep comes at the same second of each minute
        look_at(world, batch_id)
        world.clock.step(60_000)
    batch = world.batch(batch_id)
    assert (world.store.part(batch_id, chunk_part(batch.generation, 0)) or {}).get("letters") == "sss-----"


def test_looks_that_are_all_cut_off_come_to_an_end_all_the_same() -> None:
    world, batch_id = ended()
    for _ in range(2):
        look_and_die(world, batch_id, reads=1)
        world.clock.step(look.MARK_MS)
    look_and_die(world, batch_id, reads=1)
    assert world.batch(batch_id).status == "succeeded"
    assert world.streaming.read == [CHUNK] * 3, "what one has read, no other reads again"


def test_a_look_whose_time_is_over_counts_what_it_has_read_and_the_next_one_reads_the_rest() -> None:
    world, batch_id = ended()
    world.streaming.at_read = lambda: world.clock.step(look.BUDGET_MS // 2)
    look_at(world, batch_id)
    batch = world.batch(batch_id)
    assert batch.running and '"waiting":100,"running":0,"succeeded":200' in (batch.counts or "")
    assert batch.look_from == world.clock() + look.BUDGET_MS, "it rests as long as it took"
    world.clock.step(look.BUDGET_MS)
    look_at(world, batch_id)
    assert world.batch(batch_id).status == "succeeded" and world.streaming.read == [CHUNK] * 3


def test_workers_are_sent_again_while_a_look_is_under_way() -> None:
    world = Streamed()
    batch_id = world.post(TOTAL).batch.run_id
    world.queues.attends.clear()
    assert spread._take(world.svc, world.batch(batch_id), 0, "chunk") is not None  # and there it ends
    sent: list[int] = []

    def meanwhile() -> None:
        world.clock.step(spread.RESPREAD_MS)
        for _ in range(3):
            look_at(world, batch_id)
            sent.append(sum("spread" in event for event in world.queues.attends))

    at_first_read(world, meanwhile)
    look_at(world, batch_id)
    assert sent == [3, 3, 3]


def test_a_cancel_does_not_wait_for_the_look_under_way() -> None:
    world, batch_id = begun()

    def meanwhile() -> None:
        cancel(world.svc, world.batch(batch_id))
        while world.queues.attends:
            world.attend(world.queues.attends.pop(0))
        look_at(world, batch_id)

    at_first_read(world, meanwhile)
    look_at(world, batch_id)
    assert world.batch(batch_id).status == "cancelled" and len(world.told) == 1
    assert world.told[0][2]["cancelled"] == TOTAL


def test_a_cancel_writes_once_for_each_run_that_there_is_and_none_for_those_that_have_ended() -> None:
    world, batch_id = begun(20)
    for _ in range(5):
        world.run_body(world.queues.targets.pop(0))
    cancel(world.svc, world.batch(batch_id))
    written: list[Move] = []
    world.streaming.at_write = lambda move: (written.append(move), move)[1]
    world.attend(next(event for event in world.queues.attends if "spread" in event))
    assert [move.letter for move in written] == ["BK", *["M"] * 15, "BC"]
    assert world.streaming.refused == 0


def test_who_takes_a_chunk_over_writes_nothing_for_what_is_a_run_already() -> None:
    world = Streamed()
    batch_id = world.post(20).batch.run_id
    with suppress(Dies), dying(world.streaming, "write", 11):  # the chunk, and ten runs
        world.attend(world.queues.attends.pop(0))
    world.queues.attends.clear()
    world.clock.step(spread.RESPREAD_MS)
    world.attend({"spread": batch_id, "worker": 0})
    assert len(world.runs(batch_id)) == 20 and world.streaming.refused == 0
    assert {event["invoke_once"]["run_id"] for event in world.queues.targets} == {
        r.run_id for r in world.runs(batch_id)
    }


def test_a_look_that_lost_to_another_one_comes_again() -> None:
    """The other has read before this one's run ended. Of a batch with `max_running` nobody else would go on."""
    world = Streamed(large=look.LARGE)
    batch_id = world.post(2, max_running=1).batch.run_id
    look_at(world, batch_id)
    world.clock.step(1_000)
    first = world.queues.targets.pop(0)
    world.streaming.records.clear()
    world.queues.attends.clear()

    def slow(early: Move) -> Move:
        """It has read that the first run waits. That run ends, and a look sees it; the slow one writes before it."""
        if "counts" not in early.set:
            return early

        def quick(late: Move) -> Move:
            if "counts" in late.set:
                world.streaming.at_write = lambda move: move
                world.store.put_part(early)
            return late

        world.streaming.at_write = lambda move: move
        world.run_body(first)
        world.streaming.records.clear()  # that it has ended is told to the quick one alone
        world.streaming.at_write = quick
        look_at(world, batch_id)
        raise Dies

    world.streaming.at_write = slow
    with suppress(Dies):
        look_at(world, batch_id)
    world.flow(5_000)
    assert world.batch(batch_id).status == "succeeded"


@pytest.mark.parametrize("reads", range(2))
@pytest.mark.parametrize("writes", range(4))
def test_killed_anywhere_it_ends_once(reads: int, writes: int) -> None:
    world, batch_id = ended(3)
    with suppress(Dies), dying(world.streaming, "get_many", reads), dying(world.streaming, "write", writes):
        look_at(world, batch_id)
    world.drain()
    assert world.batch(batch_id).status == "succeeded" and len(world.told) == 1

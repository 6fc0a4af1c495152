"""The search over batches finds nothing in the service as it is, and each mistake of the list once it is planted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.batches.look import LARGE
from chalicelib.batches.start import retry
from invoke_once.life.head import HEAD
from invoke_once.life.move import Move
from invoke_once.life.moves import new_token
from invoke_once.life.status import Status
from invoke_once.store.store import Item, Store
from invoke_once.testing import MemoryTable
from tests.machine import batch_wakes
from tests.machine.batches import Broken, Rewrite, Search, Shaky, broken_by
from tests.unit.batches.world import World

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_a_batch_ends_once_and_truly(seed: int) -> None:
    Search(seed).search()


def without(letter: str, *arms: str) -> Rewrite:
    return lambda m: replace(m, guard=tuple(a for a in m.guard if a.name not in arms)) if m.letter == letter else m


def setting(letter: str, name: str, value: Callable[[Move], Any]) -> Rewrite:
    def rewrite(move: Move) -> Move:
        if move.letter != letter or name not in move.set:
            return move
        return replace(move, set={k: v for k, v in {**move.set, name: value(move)}.items() if v is not None})

    return rewrite


def elsewhere(move: Move) -> Move:
    """A run of a batch under an id of its own each time."""
    if move.letter != "A":
        return move
    run_id = "run_" + new_token() * 2
    return replace(move, run_id=run_id, set={**move.set, "run_id": run_id})


def tombstones_elsewhere(move: Move) -> Move:
    if move.letter != "BT":
        return move
    return replace(move, run_id=move.run_id + "x", set={**move.set, "run_id": move.run_id + "x"})


def a_mark_that_never_lapses(move: Move) -> Move:
    return replace(move, set={"look_from": move.set["look_from"] * 2}) if set(move.set) == {"look_from"} else move


def nothing_is_arranged(move: Move) -> Move:
    """Who comes while a look is under way goes away, and thinks that it has arranged to come again."""
    return replace(move, set={}) if move.letter == "BL" and set(move.set) == {"not_before"} else move


MUTANTS: dict[str, Rewrite] = {
    "an item has another id each time it is begun": elsewhere,
    "a repeated POST begins the batch again": without("BA", "id is free"),
    "an end is told twice": without("BE", "still running", "same generation"),
    "live runs are noted as succeeded": setting("BC", "letters", lambda m: str(m.set["letters"]).replace("-", "s")),
    "failed runs are noted as succeeded": setting("BC", "letters", lambda m: str(m.set["letters"]).replace("f", "s")),
    "counts are those of the hint": setting(
        "BE", "counts", lambda m: '{"total":1,"waiting":0,"running":0,"succeeded":1}'
    ),
    "a chunk is done though time was over": lambda m: (
        replace(m, set={**m.set, "done": True}) if m.letter == "BC" and m.set.get("at") == 0 else m
    ),
    "a retry begins no new pass": setting("BO", "batch_pass", lambda m: None),
    "a redrive does not join the pass": setting("O", "batch_pass", lambda m: None),
    "a cancelled index gets no tombstone": tombstones_elsewhere,
    "a look that died holds all others off for ever": a_mark_that_never_lapses,
}


def a_slow_look(rewrite: Rewrite) -> None:
    """A look has seen everything end; before it writes that, another look does, and somebody retries."""
    world = Search(0, rewrite, total=3)
    world.max_running, world.large, world.shaky.calm = None, LARGE, True
    world.body = lambda index, time: Status.FAILED if time == 1 else Status.SUCCEEDED
    batch_id = world.post(3).batch.run_id
    world.attend(world.queues.attends.pop(0))
    while world.queues.targets:
        world.run_body(world.queues.targets.pop(0))

    def meanwhile() -> None:
        world.attend({"run_ids": [batch_id]})
        retry(world.svc, world.batch(batch_id))

    world.clock.step(2_000)
    before_the_end = [meanwhile]

    def at_the_end(move: Move) -> Move:
        if move.letter == "BE" and before_the_end:
            before_the_end.pop()()
        return rewrite(move)

    world.shaky.rewrite = at_the_end
    world.attend({"run_ids": [batch_id]})
    world.drain()


def test_a_look_that_was_slow_does_not_end_a_later_pass() -> None:
    a_slow_look(lambda move: move)
    with pytest.raises(Broken):
        a_slow_look(without("BE", "same generation"))


class Forgetting(MemoryTable):
    """Planted: whoever sends a run again does not see that it has succeeded, and no guard does."""

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        found = super().get(run_id, part, consistent=consistent)
        if found is not None and part == HEAD and found["status"] == Status.SUCCEEDED:
            return {**found, "status": Status.FAILED}
        return found


def a_retry_after_some_have_failed(table: MemoryTable, rewrite: Rewrite) -> list[int]:
    """How often the body of each item has run. The letters of the pass before have been lost."""
    world = World(body=lambda index, time: Status.FAILED if index == 1 and time == 1 else Status.SUCCEEDED)
    world.table = table
    world.store = Store(table)
    world.svc = world.service(world.store)
    batch_id = world.post(3).batch.run_id
    world.drain()
    for key in [key for key in table.items if key[1].startswith("chunk#")]:
        table.items[key].pop("letters", None)
    world.store = Store(Shaky(table, random.Random(0), rewrite))
    world.svc = world.service(world.store)
    assert retry(world.svc, world.batch(batch_id)) is not None
    world.attend(world.queues.attends.pop(0))
    while world.queues.targets:
        world.run_body(world.queues.targets.pop(0))
    return [world.bodies[index] for index in range(3)]


def test_a_retry_runs_no_item_again_that_has_succeeded() -> None:
    guards = ("ended without success", "as it was seen")
    assert a_retry_after_some_have_failed(MemoryTable(), lambda move: move) == [1, 2, 1]
    assert a_retry_after_some_have_failed(Forgetting(), lambda move: move) == [1, 2, 1], "the guard of O alone"
    assert a_retry_after_some_have_failed(Forgetting(), without("O", *guards)) == [2, 2, 2]


@pytest.mark.parametrize("seed", range(30))
def test_what_it_was_woken_for_leads_to_its_end_without_a_sweep(seed: int) -> None:
    batch_wakes.Woken(seed).search()


def test_the_search_finds_that_who_comes_during_a_look_is_forgotten() -> None:
    assert batch_wakes.broken_by(nothing_is_arranged, range(200)) is not None


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert broken_by(MUTANTS[what], range(200)) is not None, f"nothing breaks although {what}"

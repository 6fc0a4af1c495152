"""The search over bulk jobs finds nothing in the service as it is, and each mistake of the list once it is planted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.bulk import start, work
from chalicelib.runs.filters import MAX_MS
from invoke_once.life import keys
from invoke_once.life.bulk import Counts
from invoke_once.life.move import Move
from invoke_once.life.moves import bulk_moves
from tests.machine.batches import Rewrite
from tests.machine.bulk import Search, broken_by
from tests.machine.history import Broken
from tests.machine.test_batches import setting, without


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_a_job_moves_a_run_once_and_counts_truly(seed: int) -> None:
    Search(seed).search()


def asked(**changes: Any) -> Rewrite:
    """The job is noted as another one than was asked for."""

    def changed(move: Move) -> str:
        options = json.loads(move.set["options"])
        wanted = options["wanted"] | {k: v for k, v in changes.items() if k in options["wanted"]}
        return json.dumps(options | {k: v for k, v in changes.items() if k in options} | {"wanted": wanted})

    return setting("KA", "options", changed)


def unmarked(move: Move) -> Move:
    """Runs keep nothing of the job that moves them, and no guard asks."""
    if "bulk" not in move.set:
        return move
    guard = tuple(arm for arm in move.guard if arm.name != "not by this one before")
    return replace(move, set={**move.set, "bulk": "bulk_other"}, guard=guard)


def nobody_noted(move: Move) -> Move:
    """A page is acted on without having been noted."""
    return replace(move, set={k: v for k, v in move.set.items() if k != "page"}) if move.letter == "KC" else move


def forgotten_position(move: Move) -> Move:
    if move.letter != "KC" or move.set.get("position") == "null":
        return move
    return replace(move, set={k: v for k, v in move.set.items() if k != "position"}, remove=(*move.remove, "position"))


MUTANTS: dict[str, Rewrite] = {
    "it acts on what came after it": asked(high_ms=MAX_MS),
    "a dry run acts": asked(dry_run=False),
    "it acts on another function's runs": asked(function=None),
    "a stop is not seen": setting("KS", "cancel_requested", lambda _move: None),
    "a page is not noted": nobody_noted,
    "the position is forgotten": forgotten_position,
    "the last page is not counted": setting("KE", "counts", lambda _move: "[0, 0, 0]"),
}


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert broken_by(MUTANTS[what], range(60)) is not None, f"nothing breaks although {what}"


def test_the_search_finds_that_runs_are_not_marked() -> None:
    def rewrite(move: Move) -> Move:
        return unmarked(move)

    with pytest.raises(KeyError):  # a move in the name of a job that nobody asked for
        for seed in range(120):
            Search(seed, rewrite).search()


def a_late_worker(rewrite: Rewrite) -> None:
    """A worker has done its page; before it notes the next one, its time passes and another goes on for three pages."""
    world = Search(0, rewrite)
    world.shaky.calm = True
    world.ended(60)
    world.asked[keys.bulk_id("demo", "k")] = ("retry", False, world.clock())
    job = world.bulk("retry", key="k", function="echo")
    world.clock.step(start.SETTLE_MS)
    waiting = ["the second page of the first worker"]

    def late(move: Move) -> Move:
        if waiting and move.letter == "KC" and move.set["step"] == 2:
            waiting.clear()
            world.clock.step(bulk_moves.LEASE_MS)
            work.attend(world.svc, job.run_id, threads=1, size=10, budget_ms=900)
        return rewrite(move)

    world.shaky.rewrite = late
    work.attend(world.svc, job.run_id, threads=1, size=10)
    world.rest()
    if world.look(job).counted != Counts(60, 60, 0):
        raise Broken(f"I21: {world.look(job).counted}")


def test_a_worker_that_was_late_does_not_put_back_what_another_did() -> None:
    a_late_worker(lambda move: move)
    with pytest.raises(Broken):
        a_late_worker(without("KC", "my token", "the page that was done"))

"""The search over bulk jobs finds nothing in the service as it is, and each mistake of the list once it is planted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.runs.filters import MAX_MS
from invoke_once.life.move import Move
from tests.machine.batches import Rewrite
from tests.machine.bulk import Search, broken_by
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
    "a late worker's page counts": without("KC", "my token", "the page that was done"),
    "a late worker ends it": without("KE", "my token"),
    "the position is forgotten": forgotten_position,
    "the last page is not counted": setting("KE", "counts", lambda _move: "[0, 0, 0]"),
}


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert broken_by(MUTANTS[what], range(120)) is not None, f"nothing breaks although {what}"


def test_the_search_finds_that_runs_are_not_marked() -> None:
    def rewrite(move: Move) -> Move:
        return unmarked(move)

    with pytest.raises(KeyError):  # a move in the name of a job that nobody asked for
        for seed in range(120):
            Search(seed, rewrite).search()

"""The search over all features at once finds nothing in the service as it is, and mistakes between two of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from invoke_once.life.move import Move
from tests.machine.batches import Rewrite
from tests.machine.mutants import setting
from tests.machine.together import Together, broken_by


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_whatever_happens_to_each_of_them_all_promises_hold(first: int) -> None:
    for seed in range(first, first + 10):
        Together(seed).search()


def unheld(letter: str, among: str) -> Rewrite:
    """This move does not have the run wait at its limit, where it writes `among`."""

    def rewrite(move: Move) -> Move:
        if move.letter != letter or among not in move.set or not move.set.get("hold"):
            return move
        kept = {name: value for name, value in move.set.items() if name not in ("hold", "wait_shard")}
        return replace(move, set=kept)

    return rewrite


MUTANTS: dict[str, Rewrite] = {
    "a batch begins runs past their limit": unheld("A", "batch"),
    "a batch retries runs past their limit": unheld("O", "batch_pass"),
    "a bulk job retries runs past their limit": unheld("O", "bulk"),
    "a leg that goes on while its body lives frees its slot at once": setting("W", slot_until=lambda _move: None),
}


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert broken_by(range(300), rewrite=MUTANTS[what]) is not None, f"nothing breaks although {what}"

"""The search over runs with legs finds nothing as they are, and each mistake of the list once it is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.due.attend import attend
from invoke_once.life.move import Move
from invoke_once.life.moves import NEWER_STATE, NO_NEWER_STATE, NOT_CANCELLED, STATE_FIELDS
from tests.machine.history import SEEN
from tests.machine.legs import Legs, broken_by
from tests.machine.mutants import MutantStore, Rewrite, setting, without
from tests.machine.world import World


@pytest.mark.parametrize("seed", range(80))
def test_whatever_happens_a_run_with_legs_ends_and_no_state_goes_back(seed: int) -> None:
    Legs(seed).search()


def test_the_search_meets_many_legs() -> None:
    SEEN["legs"] = 0
    for seed in range(20):
        Legs(seed).search()
    assert SEEN["legs"] > 10


def _keeping_the_state(move: Move) -> Move:
    return replace(move, remove=tuple(n for n in move.remove if n not in STATE_FIELDS)) if move.letter == "O" else move


def _spending_attempts(move: Move) -> Move:
    return replace(move, add={"legs": 1}) if move.letter == "W" else move


def _losing_the_checkpoint(letters: str) -> Rewrite:
    def rewrite(move: Move) -> Move:
        if move.letter not in letters:
            return move
        return replace(move, set={k: v for k, v in move.set.items() if not k.startswith("state")})

    return rewrite


def _in_one_place(move: Move) -> Move:
    """States of all legs at one key."""
    if move.part.startswith("state#"):
        return replace(move, part="state#one", set={**move.set, "part": "state#one"})
    return move


MUTANTS: dict[str, Rewrite] = {
    "a checkpoint is not fenced": without("G", "my attempt", "my lease", "still running"),
    "an older checkpoint comes after a newer one": without("GHIW", NO_NEWER_STATE),
    "a redrive from the start keeps the state": _keeping_the_state,
    "a leg goes on without a newer checkpoint": without("WJ", NEWER_STATE),
    "a leg spends an attempt": _spending_attempts,
    "legs are not counted": setting("WJ", leg=lambda m: 1),
    "the checkpoint is lost when the handler raises": _losing_the_checkpoint("HI"),
    "the checkpoint is lost when the leg goes on": _losing_the_checkpoint("W"),
    "the next leg begins beside the one that timed out": setting(
        "W", not_before=lambda m: m.set["not_before"] - 60_000
    ),
    "a leg goes on although asked to stop": without("W", NOT_CANCELLED),
    "whoever ends a leg need not hold the lease": without("W", "my attempt", "my lease"),
    "an event of an earlier leg begins the next one": without("E", "its leg"),
    "a lost leg's lease is not looked at again": without("J", "lease over"),
    "a leg is not looked after": lambda m: replace(m, remove=(*m.remove, "due_at")) if m.letter == "W" else m,
}


def world(rewrite: Rewrite) -> World:
    return World(store_of=type("Mutated", (MutantStore,), {"rewrite": staticmethod(rewrite)}))


def a_cancel_comes_before_the_end(legs: Legs) -> None:
    legs.start()
    legs.deliver()
    legs.checkpoint()
    legs.cancel()
    legs.end("asked")


def a_leg_ends_where_another_attempt_has_the_run(legs: Legs) -> None:
    legs.start()
    first = legs.deliver()
    assert first is not None
    legs.world.clock.to(first.killed_at_ms + 11_000)
    legs.deliver()
    first_only = [first]
    legs._at_work = lambda: first_only  # type: ignore[method-assign]
    legs.end("asked")


def a_zombie_writes_the_checkpoint_it_had(legs: Legs) -> None:
    legs.start()
    first = legs.deliver()
    legs.checkpoint()
    legs.checkpoint()
    assert first is not None and first.attempt is not None
    legs.world.clock.to(first.killed_at_ms + 11_000)
    legs.deliver()
    with legs.world.trouble():
        first.attempt.progress(0.5)


def a_handler_asks_for_one_leg_after_another(legs: Legs) -> None:
    legs.start()
    for _ in range(20):
        if legs.deliver() is not None:
            legs.end("asked")
        legs.world.clock.step(61_000)
        with legs.world.trouble():
            legs.world.sweep(legs.world.service("sweep"))
    assert legs.world.heads()[0].leg <= 4


def an_attempt_beats_while_the_sweep_decides(legs: Legs) -> None:
    legs.start()
    worker = legs.deliver()
    assert worker is not None and worker.attempt is not None
    legs.checkpoint(now=True)
    with legs.world.trouble():
        from invoke_once.handler import recovery

        head = legs.world.heads()[0]
        recovery.lose(legs.world.service("sweep").payloads, head, legs.world.clock(), why="a clock that is wrong")


def the_run_is_looked_at_between_the_watchdog_and_the_kill(legs: Legs) -> None:
    legs.start()
    legs.deliver()
    legs.checkpoint()
    legs.end("watchdog")
    with legs.world.trouble():
        attend(legs.world.service("wake"), legs.world.heads()[0].run_id, lambda *_: None)
    for _ in range(4):
        legs.deliver()


TALES: tuple[Callable[[Legs], None], ...] = (
    a_cancel_comes_before_the_end,
    a_leg_ends_where_another_attempt_has_the_run,
    a_zombie_writes_the_checkpoint_it_had,
    a_handler_asks_for_one_leg_after_another,
    an_attempt_beats_while_the_sweep_decides,
    the_run_is_looked_at_between_the_watchdog_and_the_kill,
)


def _breaks(rewrite: Rewrite) -> bool:
    from tests.machine.history import Broken

    for tell in TALES:
        try:
            tell(Legs(0, world(rewrite)))
        except Broken:
            return True
    return any(broken_by(world(rewrite), seed) is not None for seed in range(120))


@pytest.mark.parametrize("tell", TALES, ids=lambda tell: tell.__name__)
def test_it_ends_well_when(tell: Callable[[Legs], None]) -> None:
    tell(Legs(0))


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert _breaks(MUTANTS[what]), f"nothing breaks although {what}"

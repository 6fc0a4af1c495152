"""The search over gates finds nothing in the service as it is, and each mistake of the list once it is planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from chalicelib.gates import pausing
from chalicelib.pauses import Paused, Pauses
from chalicelib.runs import dispatch
from invoke_once.life import gates, moves
from invoke_once.life.conditions import missing
from invoke_once.life.move import Move
from invoke_once.store.store import Applied, Key, Store
from tests.machine.batches import Rewrite, Shaky
from tests.machine.gate_rules import FUNCTIONS
from tests.machine.gates import Broken, Search, broken_by
from tests.machine.mutants import ALWAYS, free_to_claim, setting, without

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_no_limit_is_passed_and_nobody_waits_for_ever(seed: int) -> None:
    Search(seed).search()


class Changing(Search):
    """Meanwhile a limit of a function changes, a function goes and comes, and the index of those who wait lags."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, shaky=Lagging)

    def _acts(self) -> list[Callable[[], None]]:
        there = "free" in self.functions
        acts = [act for act in super()._acts() if there or act not in (self._post, self._deliver)]
        return [*acts, self._other_limit, self._goes_or_comes]

    def _other_limit(self) -> None:
        self.functions["two"] = with_fields(FUNCTIONS["two"], max_running=self.chance.choice([1, 2]))

    def _goes_or_comes(self) -> None:
        if self.chance.random() < 0.5 and self.functions.pop("free", None) is None:
            self.functions["free"] = FUNCTIONS["free"]

    def check_order(self, move: Move) -> None:
        """The oldest whom the index has: it may not have the oldest yet."""

    def drain(self) -> None:
        self.functions["free"] = FUNCTIONS["free"]
        super().drain()


class Lagging(Shaky):
    def index(self, *args: Any, **more: Any) -> list[Key]:
        found = super().index(*args, **more)
        lags = args[0] == "waiting" and not self.calm
        return [key for key in found if self.chance.random() > 0.25] if lags else found


@pytest.mark.parametrize("seed", range(15))
def test_limits_that_change_functions_that_go_and_an_index_that_lags_leave_nobody_behind(seed: int) -> None:
    Changing(seed).search()


def the_run_alone(move: Move) -> Move:
    """A slot holds its run's name, the same for every waiting of it."""
    if move.letter not in ("Y", "Z"):
        return move
    short = {name: value.partition(".")[0] + ".h" for name, value in move.set.items() if name.startswith("s")}
    return replace(move, set={**move.set, **short}, guard=())


def unwatched(move: Move) -> Move:
    return replace(move, set_once={}) if move.letter in ("Y", "YL") else move


class Blind(Pauses):
    """Knows of no pause."""

    def of(self, store: Store, function: str, now_ms: int) -> Paused:
        return Paused(function)


class Timeless(Paused, frozen=True):
    def lasted_ms(self, tenant: str, now_ms: int) -> int:
        return 0


class WithoutTime(Pauses):
    """Knows who is paused, and not how long."""

    def of(self, store: Store, function: str, now_ms: int) -> Paused:
        found = super().of(store, function, now_ms)
        return Timeless(found.function, found.of, found.sequence, found.due_at, found.empty_at)


class Skipping(Shaky):
    """The oldest who waits is passed over where there is another one."""

    def index(self, *args: Any, **more: Any) -> list[Key]:
        found = super().index(*args, **more)
        return found[1:] if args[0] == "waiting" and len(found) > 1 else found


MUTANTS: dict[str, dict[str, Any]] = {
    "a slot is never freed after a kill": {"rewrite": unwatched},
    "a slot names the run alone": {"rewrite": the_run_alone},
    "a waiter is skipped": {"shaky": Skipping},
    "a waiter is fired twice": {"rewrite": without("X", "same generation", "the same waiting", "at the same gate")},
    "a pause is not seen by who dispatches again": {"pauses": Blind},
}


@pytest.mark.parametrize("what", MUTANTS)
def test_the_search_finds_that(what: str) -> None:
    assert broken_by(range(300), **MUTANTS[what]) is not None, f"nothing breaks although {what}"


def two_releases_at_once(rewrite: Rewrite) -> None:
    """A slot becomes free. While one release is about to hand it on, its heir is cancelled, and another one comes."""
    world = Search(0, rewrite)
    world.limits, world.shaky.calm = (1,), True
    first = world.post("free", "c")
    second, third = (world.post("free", "c") for _ in range(2))
    world.deliver()
    world.bodies[0].ended = True
    world.end(world.now(first))
    records = list(world.table.records)

    def meanwhile() -> None:
        dispatch.cancel(world.svc, world.now(second))
        world.table.records = list(records)
        world.stream()
        world.deliver()
        assert world.go(third) == ["running"]

    before_the_hand_over = [meanwhile]

    def at_the_hand_over(move: Move) -> Move:
        if move.letter == "Y" and before_the_hand_over:
            before_the_hand_over.pop()()
        return rewrite(move)

    world.shaky.rewrite = at_the_hand_over
    world.table.records = list(records)
    world.stream()
    assert not before_the_hand_over
    world.post("free", "c")
    world.deliver()
    world.drain()


def a_record_that_comes_twice(rewrite: Rewrite) -> None:
    """What the stream told of a holder's end comes again when the slot is another one's."""
    world = Search(0, rewrite)
    world.limits, world.shaky.calm = (1,), True
    first = world.post("free", "c")
    world.deliver()
    world.bodies[0].ended = True
    world.end(world.now(first))
    records = list(world.table.records)
    world.stream()
    world.post("free", "c")
    world.deliver()
    world.table.records = records
    world.stream()
    world.post("free", "c")
    world.deliver()
    world.drain()


def a_holder_that_beats_no_more(rewrite: Rewrite) -> None:
    """Its lease is over and its body lives: neither its own event, come again, nor the next who waits may begin."""
    world = Search(0, rewrite)
    world.shaky.calm = True
    holder = world.post("beating")
    waits = world.post("beating")
    event = world.lambda_.events[0]
    world.deliver()
    world.clock.to(world.now(holder).lease_until + 1)
    world.lambda_.events.append(event)
    world.deliver()
    world.attend(holder)
    world.stream()
    world.deliver()
    assert world.go(waits) == ["max_running"]
    world.drain()


def a_retry_whose_event_comes_again(rewrite: Rewrite) -> None:
    """An attempt failed and its slot has gone to the next; when its backoff is over, its old event comes once more."""
    world = Search(0, rewrite)
    world.limits, world.shaky.calm = (1,), True
    again, following = (world.post("free", "c") for _ in range(2))
    event = world.lambda_.events[0]
    world.deliver()
    running = world.now(again)
    world.bodies[0].ended = True
    retry = moves.requeue(moves.fence(running), running, world.clock() + 5_000, b"\x00{}", "t")
    assert isinstance(world.store.apply(retry), Applied)
    world.stream()
    world.deliver()
    assert world.go(following) == ["running"]
    world.clock.step(5_001)
    world.lambda_.events.append(event)
    world.deliver()
    world.drain()


RACES: list[tuple[Callable[[Rewrite], None], Rewrite]] = [
    (two_releases_at_once, without("Y", "as it was")),
    (a_record_that_comes_twice, without("Z", "as it was")),
    (a_retry_whose_event_comes_again, free_to_claim(lambda c: ALWAYS if c == missing("hold") else c)),
    (a_holder_that_beats_no_more, free_to_claim(lambda c: ALWAYS if c == missing("slot") else c)),
    (a_holder_that_beats_no_more, setting("HIJ", slot_until=lambda _: None)),
]


@pytest.mark.parametrize(("race", "mistake"), RACES)
def test_a_race_ends_well_and_finds_the_mistake(race: Callable[[Rewrite], None], mistake: Rewrite) -> None:
    race(lambda move: move)
    with pytest.raises(Broken):
        race(mistake)


def a_long_pause(pauses: Callable[[], Pauses]) -> None:
    """A run whose queue timeout is two minutes waits for its function, which is paused for ten."""
    world = Search(0, pauses=pauses)
    world.shaky.calm = True
    with world.pause_known("free"):
        pausing.pause(world.svc, "free", gates.EVERYBODY, "ops", "")
    world.post("free", queue_ms=120_000)
    for _ in range(10):
        world.clock.step(60_000)
        world.sweeps()
    world.drain()


def test_a_queue_timeout_rests_while_its_function_is_paused() -> None:
    a_long_pause(Pauses)
    with pytest.raises(Broken):
        a_long_pause(WithoutTime)

"""Places of held calls: whose they are, and that a write that is repeated takes none twice."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.runs.holds import SPARE_MS, Holds, Place, holds_in_flight
from invoke_once.errors import StoreUnavailable
from invoke_once.store.store import Store, Unwritten
from invoke_once.testing import MemoryTable

NOW, UNTIL = 1_000_000, 1_020_000


def test_a_place_is_given_back_at_once() -> None:
    store, holds = Store(MemoryTable()), Holds(1)
    for _ in range(3):
        place = holds.take(store, "demo", NOW, UNTIL, lambda: 0.0)
        assert place is not None
        assert holds.take(store, "demo", NOW, UNTIL, lambda: 0.0) is None
        holds.leave(store, place)


def test_a_late_leave_does_not_free_the_next_ones_place() -> None:
    store, holds = Store(MemoryTable()), Holds(1)
    late = holds.take(store, "demo", NOW, UNTIL, lambda: 0.0)
    after = UNTIL + SPARE_MS + 1
    assert late is not None and holds.take(store, "demo", after, after + 9_000, lambda: 0.0) is not None
    holds.leave(store, late)
    assert holds.take(store, "demo", after, after + 9_000, lambda: 0.0) is None


def test_a_write_whose_answer_was_lost_is_known_again() -> None:
    class Repeats(MemoryTable):
        def write(self, move: Any) -> Any:
            super().write(move)
            return Unwritten(self.items[move.run_id, move.part])

    assert Holds(1).take(Store(Repeats()), "demo", NOW, UNTIL, lambda: 0.0) is not None


@pytest.mark.parametrize(("most", "mine"), [(0, 0), (1, 1), (3, 1), (4, 1), (8, 2), (20, 5)])
def test_a_tenant_has_a_quarter_of_the_places_and_at_least_one(most: int, mine: int) -> None:
    store, holds = Store(MemoryTable()), Holds(most)
    steps = iter(range(999))
    taken = [holds.take(store, "demo", NOW, UNTIL, lambda: next(steps) % 97 / 97) for _ in range(60)]
    places = {place.run_id for place in taken if place is not None}
    assert len(places) == mine and places <= {f"hold_{n}" for n in range(most)}


@pytest.mark.parametrize(("late_ms", "free"), [(0, False), (1, True)])
def test_a_place_whose_sandbox_died_is_free_when_its_time_is_over(late_ms: int, free: bool) -> None:
    table = MemoryTable()
    store, holds = Store(table), Holds(1)
    assert holds.take(store, "demo", NOW, UNTIL, lambda: 0.0) is not None
    assert table.items["hold_0", "slot"]["expires_at"] == (UNTIL + SPARE_MS) // 1000 + 60
    at_ms = UNTIL + SPARE_MS + late_ms
    assert (holds.take(store, "demo", at_ms, at_ms + 9, lambda: 0.0) is not None) is free


def test_three_places_are_tried_and_no_more() -> None:
    table, tried = MemoryTable(), list[str]()
    store = Store(table)
    store.put_part = lambda move: (tried.append(move.run_id), Unwritten({}))[1]  # type: ignore[method-assign]
    assert Holds(400).take(store, "demo", NOW, UNTIL, lambda: 0.5) is None
    numbers = [int(name.removeprefix("hold_")) for name in tried]
    assert len(numbers) == 3 and [n - numbers[0] for n in numbers] == [0, 1, 2]


def test_without_the_table_nothing_is_held_and_nothing_is_raised() -> None:
    class Away(MemoryTable):
        def write(self, move: Any) -> Any:
            raise StoreUnavailable("away")

    holds, store = Holds(4), Store(Away())
    assert holds.take(store, "demo", NOW, UNTIL, lambda: 0.0) is None
    holds.leave(store, Place("hold_0", "t"))


def test_how_many_places_there_are() -> None:
    assert (holds_in_flight({}), holds_in_flight({"ONCE_HOLDS_IN_FLIGHT": "7"})) == (200, 7)
    assert holds_in_flight({"ONCE_HOLDS_IN_FLIGHT": "0"}) == 0


def test_what_is_written_of_a_place() -> None:
    class Noting(MemoryTable):
        def write(self, move: Any) -> Any:
            moves.append((move.letter, move.part, [arm.name for arm in move.guard], dict(move.set)))
            return super().write(move)

    moves: list[Any] = []
    store, holds = Store(Noting()), Holds(1)
    place = holds.take(store, "demo", NOW, UNTIL, lambda: 0.0)
    assert place is not None and place.run_id == "hold_0"
    holds.leave(store, place)
    at = UNTIL + 5_000
    item = {"run_id": "hold_0", "part": "slot", "token": place.token, "at": at, "expires_at": at // 1000 + 60}
    assert moves == [("hold", "slot", ["nobody holds it"], item), ("hold", "slot", ["mine"], {"at": 0})]

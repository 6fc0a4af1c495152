"""Places of held calls: whose they are, and that a write that is repeated takes none twice."""

from __future__ import annotations

from typing import Any

from chalicelib.runs.holds import SPARE_MS, Holds
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

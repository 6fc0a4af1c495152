"""Whose a slot is: the run's that has it, and for this very waiting."""

from __future__ import annotations

import pytest

from invoke_once.life import gates
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.life.moves.common import GATED

PLACE, OTHER = gates.Slot("gate_k1#0", "s3"), gates.Slot("gate_k1#0", "s4")
HEAD = Head.from_item({
    "run_id": "run_a", "tenant": "demo", "function": "echo", "status": "queued", "generation": "g", "created_at": 1,
    "expires_at": 2, "queue_until": 3, "queue_ms": 1, "max_attempts": 1, "part": "head", "hold": "h1",
    "slot": gates.slots_text([PLACE]),
})  # fmt: skip


@pytest.mark.parametrize(
    ("place", "value", "its"),
    [
        (PLACE, gates.ticket("run_a", "h1"), True),
        (PLACE, gates.ticket("run_a", "h2"), False),
        (PLACE, gates.ticket("run_b", "h1"), False),
        (OTHER, gates.ticket("run_a", "h1"), False),
    ],
)
def test_a_slot_is_the_run_s_by_place_and_by_ticket(place: gates.Slot, value: str, its: bool) -> None:
    assert gates.holds(HEAD, place, value) == its


def test_places_are_counted_over_all_racks() -> None:
    assert [gates.slot("gate_k1", n).number for n in range(40)] == [*range(40)]


def test_who_leaves_a_gate_keeps_nothing_of_it() -> None:
    assert set(GATED) == {"hold", "slot", "slot_at", "wait_shard", "body_until"}
    assert gate_moves.free(PLACE, "v").remove == (PLACE.name,)

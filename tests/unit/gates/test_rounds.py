"""Who is let through in one call: as many rounds as it takes, whoever is quicker, whatever is paused meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from chalicelib.gates import letting, pausing, racks
from chalicelib.runs import dispatch
from invoke_once.life import gates
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.life.status import Status
from tests.unit.gates.line import FUNCTIONS, Line


@pytest.fixture
def line() -> Line:
    return Line()


def waiting_for_a_key(line: Line) -> tuple[Head, str, Slot]:
    """One that waits for the slot of its key, whose holder has ended, untold."""
    first, second = line.post("free", "c"), line.post("free", "c")
    line.end(line.claim(first))
    line.table.records.clear()
    gate = gates.waits_at(line.now(second))
    assert gate is not None
    return line.now(second), gate, gates.slot(gate, 0)


def in_slot(line: Line, place: Slot) -> Any:
    return line.table.items[place.rack, gates.RACK].get(place.name)


@pytest.mark.parametrize("waiting", [15, 16, 17, 40])
def test_one_call_makes_as_many_rounds_of_16_as_there_are_slots_for_those_who_wait(line: Line, waiting: int) -> None:
    line.post("two"), line.post("two")
    held = line.post("two")
    line.more_wait(held, waiting - 1)
    line.functions["two"] = with_fields(FUNCTIONS["two"], max_running=2 + waiting)
    gate = gates.waits_at(line.now(held)) or ""
    assert letting.serve(line.svc, gate, dispatch.fire) == waiting
    assert len(line.lambda_.fired) == 2 + waiting
    assert line.lambda_.fired[2:] == [held.run_id, *(f"run_{n:026d}" for n in range(1, waiting))]
    assert letting.serve(line.svc, gate, dispatch.fire) == 0


def test_a_freed_slot_that_nobody_wants_is_empty_and_given_to_who_came_meanwhile(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = line.post("free", "c")
    line.end(line.claim(first))
    gate = gates.of_key("demo", "c")
    [(place, value)] = racks.read(line.svc, gate).taken.items()
    late: list[Head] = []
    free = gate_moves.free

    def while_it_is_freed(*given: Any) -> Any:
        if not late:
            late.append(line.post("free", "c"))
        return free(*given)

    monkeypatch.setattr(gate_moves, "free", while_it_is_freed)
    assert letting.serve(line.svc, gate, dispatch.fire, freed={place: value}) == 1
    assert line.go(*late) == ["dispatch"]
    line.end(line.claim(late[0]))
    [(place, value)] = racks.read(line.svc, gate).taken.items()
    assert letting.serve(line.svc, gate, dispatch.fire, freed={place: value}) == 0
    assert in_slot(line, place) is None


def test_a_run_that_another_one_has_told_keeps_its_slot(line: Line) -> None:
    head, gate, place = waiting_for_a_key(line)
    line.store.put_part(gate_moves.take(place, in_slot(line, place), head, line.clock()))
    assert letting.help_on(line.svc, head, place, gate, dispatch.fire)
    assert letting.help_on(line.svc, head, place, gate, dispatch.fire)
    assert in_slot(line, place) == gates.ticket(head.run_id, head.hold or "")
    assert line.lambda_.fired.count(head.run_id) == 1


def test_a_slot_that_was_taken_for_a_run_that_is_cancelled_is_free_again(line: Line) -> None:
    head, gate, place = waiting_for_a_key(line)
    line.store.put_part(gate_moves.take(place, in_slot(line, place), head, line.clock()))
    dispatch.cancel(line.svc, head)
    assert not letting.help_on(line.svc, head, place, gate, dispatch.fire)
    assert in_slot(line, place) is None
    assert line.now(head).status == Status.CANCELLED


def test_a_run_whose_slot_was_taken_by_one_who_died_waits_for_a_pause_that_began_since(line: Line) -> None:
    head, gate, place = waiting_for_a_key(line)
    line.store.put_part(gate_moves.take(place, in_slot(line, place), head, line.clock()))
    pausing.pause(line.svc, "free", gates.EVERYBODY, "ops", "the database is full")
    assert not letting.help_on(line.svc, head, place, gate, dispatch.fire)
    assert line.go(head) == ["paused"]
    assert line.now(head).slot is None and in_slot(line, place) is None
    assert head.run_id not in line.lambda_.fired


def test_a_run_that_goes_on_to_its_next_limit_is_seen_there_before_the_index_has_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting, "_waiters", lambda *_: [])
    head = line.post("two", "c")
    assert line.go(head) == ["dispatch"]
    assert line.lambda_.fired == [head.run_id]
    assert [place.gate for place in gates.slots_of(line.now(head).slot)] == [
        gates.of_key("demo", "c"),
        gates.of_function("two"),
    ]

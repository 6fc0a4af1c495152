"""What attend and the stream do for a run at a gate: when it is looked at again, what a look writes, who is asked."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from chalicelib.due import gated
from chalicelib.due.gated import PAUSED_LOOK_MS
from chalicelib.gates import letting, pausing
from chalicelib.invoker import Answer, Fired
from invoke_once.life import gates
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from tests.unit.gates.line import Line

KEY = gates.of_key("demo", "c")


@pytest.fixture
def line() -> Line:
    return Line()


def look(line: Line, head: Head) -> list[str]:
    """The moves that a look at the run tries."""
    line.table.tried.clear()
    line.attend(head)
    return line.table.tried


@pytest.mark.parametrize("looked_after", [True, False])
def test_a_run_that_waits_on_is_looked_at_again_in_a_minute_unless_its_gate_is_looked_after(
    line: Line, looked_after: bool
) -> None:
    line.post("free", "c")
    waits = line.post("free", "c")
    if not looked_after:
        line.table.items[gates.rack_id(KEY, 0), "rack"].pop("due_at")
    line.table.items[waits.run_id, "head"]["due_at"] = line.clock()
    assert look(line, waits) == ["P"]
    now = line.now(waits)
    assert now.due_at == (now.queue_until + 1 if looked_after else line.clock() + letting.LOOK_MS)
    line.table.records.clear()
    assert look(line, waits) == []


def test_a_delayed_run_passes_its_gate_at_once_where_there_is_room(line: Line) -> None:
    delayed = line.post("free", "c", delay_ms=5_000)
    line.clock.step(5_000)
    assert look(line, delayed)[0] == "XH" and line.table.tried[-1] == "X"
    assert line.go(delayed) == ["dispatch"]


def test_a_run_that_is_held_back_is_not_fired_by_the_same_look(line: Line) -> None:
    line.post("free", "c")
    delayed = line.post("free", "c", delay_ms=5_000)
    line.clock.step(5_000)
    assert look(line, delayed) == ["XH"]


def test_a_pause_before_a_delay_is_over_gives_the_run_no_time(line: Line) -> None:
    delayed = line.post("free", delay_ms=3_600_000, queue_ms=120_000)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "ops", "why")
    line.minutes(30)
    pausing.resume(line.svc, "free", gates.EVERYBODY)
    line.clock.to(delayed.not_before or 0)
    line.attend(delayed)
    now = line.now(delayed)
    line.clock.to(now.queue_until + 1)
    line.attend(delayed)
    assert line.now(delayed).status == "expired"


@pytest.mark.parametrize("resumed", [True, False])
def test_a_queue_timeout_that_rests_is_looked_at_every_ten_minutes_or_when_it_is_over(
    line: Line, resumed: bool
) -> None:
    head = line.post("free", queue_ms=120_000)
    line.clock.step(20_000)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "ops", "why")
    line.clock.step(60_000)
    line.attend(head)
    line.clock.to(line.now(head).queue_until + 1)
    if resumed:
        pausing.resume(line.svc, "free", gates.EVERYBODY)
    assert look(line, head) == ["P"]
    now = line.now(head)
    assert now.queue_until > line.clock()
    assert now.due_at == (now.queue_until + 1 if resumed else line.clock() + PAUSED_LOOK_MS)


@pytest.mark.parametrize(("late_ms", "letters"), [(0, ["P"]), (1, ["L"])])
def test_a_queue_timeout_that_rested_is_over_past_its_end(line: Line, late_ms: int, letters: list[str]) -> None:
    head = line.post("free", queue_ms=120_000)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "ops", "why")
    line.clock.step(60_000)
    pausing.resume(line.svc, "free", gates.EVERYBODY)
    line.clock.to(head.queue_until + 60_000 + late_ms)
    assert look(line, head) == letters


# What the stream tells


def begins_to_wait(line: Line) -> list[tuple[str, int]]:
    line.post("free", "c")
    line.stream()
    return line.later


@pytest.mark.parametrize(("later_ms", "looks"), [(500, 1), (501, 2)])
def test_who_begins_to_wait_within_half_a_second_is_covered_by_the_look_that_is_on_its_way(
    line: Line, later_ms: int, looks: int
) -> None:
    line.post("free", "c")
    begins_to_wait(line)
    line.clock.step(later_ms - 1)
    assert begins_to_wait(line) == [(KEY, 1)] * looks


def test_who_waits_already_asks_for_no_look(line: Line) -> None:
    line.post("free", "c")
    waits = line.post("free", "c")
    line.table.records.clear()
    line.table.items[waits.run_id, "head"]["due_at"] = line.clock()
    assert look(line, waits) == ["P"] and line.table.records
    line.stream()
    assert line.later == []


@pytest.mark.parametrize(("known", "left"), [(10_000, 10_001), (10_001, 1)])
def test_what_is_remembered_of_looks_is_bounded(line: Line, known: int, left: int) -> None:
    line.svc.looks_at.update({f"gate_{n}": 1 for n in range(known)})
    line.post("free", "c")
    begins_to_wait(line)
    assert len(line.svc.looks_at) == left


@pytest.mark.parametrize(("left_ms", "later"), [(0, []), (1, [1]), (1_000, [1]), (70_001, [71])])
def test_a_slot_is_handed_on_when_the_body_s_time_is_over_and_not_before(
    line: Line, left_ms: int, later: list[int]
) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    line.table.records.clear()
    line.end(line.claim(first), Status.TIMED_OUT, slot_until=line.clock() + left_ms)
    line.stream()
    assert line.later == [(gates.rack_id(KEY, 0), seconds) for seconds in later]
    assert line.go(second) == (["concurrency"] if left_ms else ["dispatch"])


def test_those_who_get_a_gate_s_slots_do_not_wait_for_one_another(line: Line) -> None:
    together = threading.Barrier(2)

    class Together:
        def fire(self, target: str, payload: bytes, **_: object) -> Answer:
            together.wait(10)
            return Fired()

    first, second, *_ = [line.post("two") for _ in range(4)]
    line.table.records.clear()
    for head in (first, second):
        line.end(line.claim(head))
    gated.on_stream(replace(line.svc, invoker=Together()), line.table.records, lambda *_: None, workers=2)
    assert not together.broken and line.table.letters.count("X") == 4

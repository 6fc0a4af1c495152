"""A function that is paused: nothing of it is fired, nothing of it is lost, and its queues rest."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from msgspec.structs import replace

from chalicelib.due import gated
from chalicelib.gates import pausing
from chalicelib.invoker import Answer, Fired
from chalicelib.pauses import KEPT_MS
from chalicelib.runs import dispatch
from invoke_once.life import gates, moves
from invoke_once.life.due import Due
from invoke_once.life.moves import gate_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused
from tests.unit.gates.line import Line


@pytest.fixture
def line() -> Line:
    return Line()


def pause(line: Line, function: str = "free", whom: str = gates.EVERYBODY) -> None:
    pausing.pause(line.svc, function, whom, "ops", "the database is full")


def resume(line: Line, function: str = "free", whom: str = gates.EVERYBODY) -> None:
    pausing.resume(line.svc, function, whom)
    line.sweep()


def test_what_is_posted_while_it_is_paused_waits_and_goes_on_in_order(line: Line) -> None:
    pause(line)
    heads = [line.post("free") for _ in range(3)]
    assert line.go(*heads) == ["paused"] * 3 and line.lambda_.fired == []
    resume(line)
    assert line.go(*heads) == ["dispatch"] * 3
    assert line.lambda_.fired == [head.run_id for head in heads]


def test_the_others_and_what_runs_go_on(line: Line) -> None:
    running = line.claim(line.post("free"))
    pause(line)
    assert line.go(line.post("two")) == ["dispatch"]
    assert line.end(running).status == "succeeded"


def test_another_process_knows_of_it_within_ten_seconds(line: Line) -> None:
    other = line.process()
    other.pauses.of(other.store, "free", line.clock())
    pause(line)
    line.clock.step(KEPT_MS)
    head = dispatch.accept(other, dispatch.StartRequest(line.functions["free"], "demo")).head
    assert line.go(head) == ["paused"]


def test_nothing_waits_for_a_pause_that_another_process_has_ended_meanwhile(line: Line) -> None:
    pause(line)
    other = line.process()
    assert other.pauses.of(other.store, "free", line.clock()).of
    resume(line)
    head = dispatch.accept(other, dispatch.StartRequest(line.functions["free"], "demo")).head
    assert line.go(head) == ["dispatch"]


def test_what_waits_cannot_be_claimed_by_an_event_that_was_fired_before(line: Line) -> None:
    head = line.post("free")
    pause(line)
    line.clock.step(60_000)
    line.attend(head)
    assert line.go(head) == ["paused"]
    assert isinstance(line.store.apply(moves.claim(head.run_id, head.generation, line.clock(), 1)), Refused)
    assert len(line.lambda_.fired) == 1


def test_a_retry_waits_for_it_too(line: Line) -> None:
    claimed = line.claim(line.post("two"))
    again = moves.requeue(moves.fence(claimed), claimed, line.clock() + 5_000, b"\x00{}", "t")
    assert isinstance(line.store.apply(again), Applied)
    pause(line, "two")
    line.clock.step(5_001)
    line.attend(claimed)
    assert line.go(claimed) == ["paused"]
    resume(line, "two")
    assert line.go(claimed) == ["dispatch"] and line.now(claimed).slot


def test_the_queue_timeout_rests_while_it_is_paused(line: Line) -> None:
    line.clock.step(1_000)
    head = line.post("free", queue_ms=120_000)
    line.clock.step(50_000)
    pause(line)
    line.minutes(90)
    assert line.go(head) == ["paused"]
    resumed_ms = line.clock()
    resume(line)
    now = line.now(head)
    assert line.go(head) == ["dispatch"]
    assert abs(now.queue_until - (resumed_ms + 70_000)) <= 60_000
    line.minutes(3)
    assert line.now(head).status == "expired"


def test_an_input_of_its_own_lasts_as_long_as_a_pause(line: Line) -> None:
    text = json.dumps(["".join(str(n * n) for n in range(1_000))]).encode()
    head = line.post("free", input=text, queue_ms=120_000)
    part = line.table.items[head.run_id, f"input#{str(head.input_ref).removeprefix('item:')}"]
    part["expires_at"] = line.clock() // 1000 + 90_000
    line.table.items[head.run_id, "head"].update(retention_s=60, expires_at=part["expires_at"])
    pause(line)
    for _ in range(8):
        line.clock.step(43_200_000)
        line.sweep()
        part = line.table.items[head.run_id, f"input#{str(head.input_ref).removeprefix('item:')}"]
        assert part["expires_at"] * 1000 > line.clock()
    resume(line)
    assert line.go(head) == ["dispatch"] and line.svc.payloads.input(line.now(head)) == text


def test_an_earlier_pause_gives_a_later_run_no_time(line: Line) -> None:
    pause(line)
    line.minutes(60)
    resume(line)
    head = line.post("free", queue_ms=120_000)
    line.minutes(3)
    assert line.now(head).status == "expired"


def test_an_earlier_pause_gives_a_run_that_is_sent_again_no_time(line: Line) -> None:
    failed = line.end(line.claim(line.post("free", queue_ms=120_000)), Status.FAILED)
    pause(line)
    line.clock.step(3_600_000)
    resume(line)
    dispatch.redrive(line.svc, failed)
    line.minutes(3)
    assert line.now(failed).status == "expired"


def test_those_who_wait_at_a_limit_stay_there_while_its_function_is_paused(line: Line) -> None:
    heads = [line.post("two", queue_ms=120_000) for _ in range(3)]
    pause(line, "two")
    for head in heads[:2]:
        line.end(line.claim(head))
    line.stream()
    line.minutes(10)
    assert line.go(heads[2]) == ["max_running"]
    resume(line, "two")
    assert line.go(heads[2]) == ["dispatch"]


def test_a_paused_run_holds_no_slot_of_its_customer(line: Line) -> None:
    first, paused, third = line.post("free", "c"), line.post("two", "c"), line.post("free", "c")
    pause(line, "two")
    line.end(line.claim(first))
    line.stream()
    assert line.go(paused, third) == ["paused", "dispatch"]
    line.end(line.claim(third))
    line.stream()
    resume(line, "two")
    assert line.go(paused) == ["dispatch"]


def test_a_pause_of_one_tenant_leaves_the_others_alone(line: Line) -> None:
    pause(line, whom="acme")
    assert line.go(line.post("free")) == ["dispatch"]
    pause(line, whom="demo")
    head = line.post("free")
    assert line.go(head) == ["paused"]
    resume(line, whom="acme")
    assert line.go(head) == ["paused"]
    resume(line, whom="demo")
    assert line.go(head) == ["dispatch"]


def test_a_function_that_is_gone_while_it_is_paused_holds_nobody(line: Line) -> None:
    pause(line)
    head = line.post("free")
    del line.functions["free"]
    line.minutes(3)
    assert line.now(head).status == "failed"


def test_a_paused_run_can_be_cancelled(line: Line) -> None:
    pause(line)
    head = line.post("free")
    dispatch.cancel(line.svc, line.now(head))
    resume(line)
    assert line.now(head).status == Status.CANCELLED and line.lambda_.fired == []


def test_many_who_wait_are_all_let_through(line: Line) -> None:
    pause(line)
    heads = [line.post("free") for _ in range(150)]
    resume(line)
    assert line.lambda_.fired == [head.run_id for head in heads]


def test_a_pause_is_written_over_by_nobody_and_rests_when_it_is_over(line: Line) -> None:
    pause(line)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "ops", "again")
    found = line.svc.pauses.of(line.store, "free", line.clock()).of[gates.EVERYBODY]
    assert found.reason == "again" and found.since is not None
    assert pausing.resume(line.svc, "free", gates.EVERYBODY).of[gates.EVERYBODY].since is None
    line.sweep()
    line.minutes(4)
    assert "due_at" not in line.table.items[gates.pause_id("free"), gates.PAUSE]


@pytest.mark.parametrize("left_ms", [0, 1])
def test_a_pause_that_is_over_is_looked_at_until_it_was_found_empty_for_a_while(line: Line, left_ms: int) -> None:
    pause(line)
    line.clock.step(1_000)
    resume(line)
    item = line.table.items[gates.pause_id("free"), gates.PAUSE]
    assert item["empty_at"] == line.clock() and item["due_at"] == line.clock() + pausing.LOOK_MS
    line.clock.step(gate_moves.EMPTY_MS - left_ms)
    line.sweep()
    item = line.table.items[gates.pause_id("free"), gates.PAUSE]
    assert ("due_at" in item) is bool(left_ms)
    assert gated.look_at(line.svc, gates.pause_id("free"), lambda _: None) == Due.ASK
    assert not pausing.look_at(line.svc, "slot_none", lambda _svc, head: head)


def test_a_run_that_a_pause_held_is_kept_as_much_longer(line: Line) -> None:
    head = line.post("free", queue_ms=120_000)
    pause(line)
    line.clock.step(120_001)
    line.attend(head)
    assert line.now(head).expires_at == line.now(head).queue_until // 1000 + 86_400 + head.retention_s


def test_a_look_at_a_pause_tells_its_process_what_it_is_now(line: Line) -> None:
    other = line.process()
    other.pauses.of(other.store, "free", line.clock())
    pause(line)
    gated.look_at(other, gates.pause_id("free"), lambda _: None)
    assert other.pauses.of(other.store, "free", line.clock()).whom("demo") == gates.EVERYBODY


def test_a_look_whose_time_is_over_has_itself_followed_by_another(line: Line) -> None:
    class Slow:
        attends: ClassVar[list[bytes]] = []

        def fire(self, target: str, payload: bytes, **_: object) -> Answer:
            line.clock.step(1_000)
            if b"run_ids" in payload:
                self.attends.append(payload)
            return Fired()

    pause(line)
    heads = [line.post("free") for _ in range(40)]
    pausing.resume(line.svc, "free", gates.EVERYBODY)
    slow, item = replace(line.process(), invoker=Slow()), gates.pause_id("free")
    gated.look_at(slow, item, lambda _: None)
    went = line.go(*heads).count("dispatch")
    assert 20 <= went < 40 and line.go(*heads) == ["dispatch"] * went + ["paused"] * (40 - went)
    assert Slow.attends == [b'{"run_ids": ["%s"]}' % item.encode()]
    gated.look_at(slow, item, lambda _: None)
    assert line.go(*heads) == ["dispatch"] * 40 and len(Slow.attends) == 1

"""What is read of a gate: its slots and its limit, and what is shown of a function."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.functions import Function
from chalicelib.gates import admission, healing, pausing, racks, shown
from chalicelib.gates.admission import Asking
from chalicelib.pauses import Pause
from invoke_once.life import gates, moves
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from tests.unit.gates.line import Died, Line

NOW = 1_800_000_000_000
KEY = gates.of_key("demo", "c")
TWO = gates.of_function("two")


def put(line: Line, gate: str, number: int = 0, **fields: Any) -> None:
    rack = gates.rack_id(gate, number)
    line.table.items[rack, gates.RACK] = {"run_id": rack, "part": gates.RACK, **fields}


def asks(most: int | None, created_at: int = NOW) -> Head:
    return Head("run_a", "demo", "free", "queued", "g", created_at, 1, 2, concurrency_key="c", concurrency_max=most)


def test_a_function_is_shown_with_its_pause_how_many_run_and_how_many_wait() -> None:
    line = Line()
    two, free = line.functions["two"], line.functions["free"]
    assert shown.of(line.svc, free, "demo") == shown.Shown(None, None, 0)
    assert shown.of(line.svc, two, "demo") == shown.Shown(None, 0, 0)
    for _ in range(5):
        line.post("two")
    assert shown.of(line.svc, two, "demo") == shown.Shown(None, 2, 3)
    pausing.pause(line.svc, "two", "demo", "ops", "why")
    line.post("two"), line.post("two")
    assert shown.of(line.svc, two, "demo") == shown.Shown(Pause(NOW + 5, "ops", "why"), 2, 5)
    assert shown.of(line.svc, two, "acme") == shown.Shown(None, 2, 3)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "me", "all")
    line.post("free")
    assert shown.of(line.svc, free, "acme") == shown.Shown(Pause(NOW + 7, "me", "all"), None, 1)


def test_the_slots_of_all_racks_are_read_up_to_the_most_that_there_were() -> None:
    line = Line()
    assert racks.read(line.svc, KEY) == racks.Racks(KEY, 1, {})
    put(line, KEY, 0, s0="run_a.h", s3="", slot_limit=2, slot_high=33)
    put(line, KEY, 1, s15="run_b.h"), put(line, KEY, 2, s0="run_c.h"), put(line, KEY, 3, s0="run_d.h")
    taken = {Slot(f"{KEY}#0", "s0"): "run_a.h", Slot(f"{KEY}#1", "s15"): "run_b.h", Slot(f"{KEY}#2", "s0"): "run_c.h"}
    assert racks.read(line.svc, KEY) == racks.Racks(KEY, 2, taken)
    put(line, KEY, 0, slot_limit=16)
    assert racks.read(line.svc, KEY).taken == {} and line.table.tried == []


@pytest.mark.parametrize(
    ("known", "asked", "limit", "written"),
    [
        ({}, None, 1, None), ({"slot_limit": 4}, None, 4, None), ({}, asks(None), 1, None),
        ({}, asks(3), 3, {"slot_limit": 3, "slot_high": 3, "limit_at": NOW}),
        ({"slot_limit": 4, "limit_at": NOW, "slot_high": 9}, asks(3), 4, None),
        ({"slot_limit": 4, "limit_at": NOW - 1, "slot_high": 9}, asks(3), 3,
         {"slot_limit": 3, "slot_high": 9, "limit_at": NOW}),
        ({"slot_limit": 4}, asks(3), 3, {"slot_limit": 3, "slot_high": 3, "limit_at": NOW}),
        ({"slot_limit": 3, "limit_at": NOW - 1}, asks(3), 3, None),
    ],
)  # fmt: skip
def test_the_latest_request_that_names_a_limit_has_it_written_down(
    known: dict[str, int], asked: Head | None, limit: int, written: dict[str, int] | None
) -> None:
    line = Line()
    put(line, KEY, **known)
    before = dict(line.table.items[f"{KEY}#0", gates.RACK])
    assert racks.read(line.svc, KEY, asked).limit == limit
    assert line.table.letters == ([] if written is None else ["YL"])
    after = line.table.items[f"{KEY}#0", gates.RACK]
    looked_after = {"due_at": NOW + 60_000, "due_shard": after.get("due_shard")}
    assert after == before | ({} if written is None else written | looked_after)


def test_a_function_s_limit_is_that_of_its_file_and_is_written_down_where_it_changed() -> None:
    line = Line()
    assert [racks.read(line.svc, TWO).limit for _ in range(2)] == [2, 2] and line.table.letters == ["YL"]
    line.functions["two"] = Function("two", target="s-two", max_running=7)
    assert racks.read(line.svc, TWO, asks(3)).limit == 7
    item = line.table.items[f"{TWO}#0", gates.RACK]
    assert (item["slot_limit"], item["slot_high"], item.get("limit_at"), line.table.letters) == (7, 7, None, ["YL"] * 2)
    line.functions["two"] = Function("two", target="s-two")
    assert racks.read(line.svc, TWO).limit == racks.limit_of_function(line.svc, "gate_f") == 1_000


@pytest.mark.parametrize(
    ("fields", "looked_after"),
    [({}, False), ({"due_at": 1}, True), ({"due_at": 1, "empty_at": 2}, False), ({"empty_at": 2}, False)],
)
def test_a_gate_is_looked_after_while_its_first_rack_is(fields: dict[str, int], looked_after: bool) -> None:
    line = Line()
    assert not racks.is_looked_after(line.svc, KEY)
    put(line, KEY, **fields)
    assert racks.is_looked_after(line.svc, KEY) is looked_after
    held = admission.held(line.svc, "run_a", KEY, Asking("free", "demo", "c"), "h1")
    assert held == moves.Held("h1", gates.wait_shard(KEY, "run_a"), looked_after)


def test_the_gates_of_a_run_are_its_pause_its_key_and_its_function_in_this_order() -> None:
    line, asking = Line(), Asking("two", "demo", "c")
    assert admission.limits_of(line.svc, asking) == [KEY, TWO]
    assert admission.limits_of(line.svc, Asking("free", "demo")) == []
    assert admission.limits_of(line.svc, Asking("gone", "demo", "c")) == [KEY]
    assert (admission.first(line.svc, asking), admission.first(line.svc, Asking("free", "demo"))) == (KEY, None)
    head = Head("run_a", "demo", "two", "queued", "g", NOW, 1, 2, concurrency_key="c")
    following = [
        admission.after(line.svc, head, gate) for gate in (None, gates.of_pause("two", "*"), KEY, TWO, "gate_k")
    ]
    assert following == [KEY, KEY, TWO, None, None]
    assert (admission.lasted_ms(line.svc, asking), admission.rested(line.svc, head)) == (None, {})
    pausing.pause(line.svc, "two", "demo", "ops", "why")
    assert admission.first(line.svc, asking) == gates.of_pause("two", "demo")
    assert admission.paused_for(line.svc, Asking("two", "acme")) is None
    assert admission.paused_for(line.svc, Asking("gone", "demo")) is None
    line.clock.step(1_000)
    assert admission.lasted_ms(line.svc, asking) == 1_000 and admission.lasted_ms(line.svc, Asking("gone", "d")) is None
    assert admission.is_looked_after(line.svc, gates.of_pause("two", "demo"), "two") is True


def test_what_a_pause_has_lasted_moves_a_queue_s_end_by_as_much() -> None:
    line = Line()
    pausing.pause(line.svc, "free", "demo", "ops", "why")
    line.clock.step(5_000)
    known: dict[str, Any] = {"queue_until": NOW + 9_000, "retention_s": 60}
    head = Head("run_a", "demo", "free", "queued", "g", NOW, 5, **known)
    until_ms = NOW + 14_000
    rested = {"queue_until": until_ms, "paused_ms": 5_000, "expires_at": until_ms // 1000 + 86_400 + 60}
    assert admission.rested(line.svc, head) == rested
    head.paused_ms, head.expires_at = 4_999, NOW
    assert admission.rested(line.svc, head) == {"queue_until": NOW + 9_001, "paused_ms": 5_000, "expires_at": NOW}
    head.paused_ms = 5_000
    assert admission.rested(line.svc, head) == {}
    head.function = "gone"
    assert admission.rested(line.svc, head) == {}


def test_a_body_may_live_until_lambda_has_ended_it() -> None:
    head = asks(None)
    assert not healing.body_may_live(head, NOW)
    head.slot_until = NOW
    assert [healing.body_may_live(head, now_ms) for now_ms in (NOW - 1, NOW, NOW + 1)] == [True, False, False]


def look(line: Line, gate: str = KEY, number: int = 0) -> tuple[list[str], list[str]]:
    """Look at a rack; who was fired, and who was attended to."""
    fired, attended = list[str](), list[str]()

    def fire(_svc: Any, head: Head) -> Head:
        fired.append(head.run_id)
        return head

    healing.look_at_rack(line.svc, gates.rack_id(gate, number), fire, attended.append)
    return fired, attended


def test_a_rack_s_look_frees_what_is_done_and_says_when_it_comes_again() -> None:
    line = Line()
    assert look(line) == ([], []) and line.table.tried == []
    first = line.post("free", "c")
    rack = gates.rack_id(KEY, 0)
    line.clock.step(59_999)
    assert look(line) == ([], [])
    item = line.table.items[rack, gates.RACK]
    assert (item["s0"], item["due_at"], item.get("empty_at")) == (
        gates.ticket(first.run_id, line.now(first).hold or ""), line.clock() + 60_000, None,
    )  # fmt: skip
    line.clock.step(1)
    assert look(line) == ([], [first.run_id]), "nobody has claimed it for a minute"
    waits = line.post("free", "c")
    line.end(line.claim(first), Status.FAILED)
    assert look(line) == ([waits.run_id], [])
    line.end(line.claim(waits))
    assert look(line) == ([], [])
    item, empty_ms = line.table.items[rack, gates.RACK], line.clock()
    assert (item.get("s0"), item["empty_at"], item["due_at"]) == (None, empty_ms, empty_ms + 60_000)
    line.clock.step(59_999)
    look(line)
    assert line.table.items[rack, gates.RACK]["due_at"] == line.clock() + 60_000
    line.clock.step(1)
    look(line)
    item = line.table.items[rack, gates.RACK]
    assert (item.get("due_at"), item["expires_at"]) == (None, line.clock() // 1000 + 86_400)
    tried = len(line.table.tried)
    assert look(line) == ([], []) and len(line.table.tried) == tried, "it rests"


def test_a_slot_of_a_run_that_was_never_told_or_is_gone_is_made_good() -> None:
    line = Line()
    line.table.dies_before = "X"
    with pytest.raises(Died):
        line.post("free", "c")
    (key,) = [key for key in line.table.items if key[1] == "head"]
    assert look(line) == ([key[0]], [])
    del line.table.items[key]
    assert look(line) == ([], []) and racks.read(line.svc, KEY).taken == {}


def test_a_run_that_is_let_through_is_told_of_with_how_long_it_waited(capsys: Any) -> None:
    line = Line()
    first, waits = line.post("free", "c"), line.post("free", "c")
    line.end(line.claim(first))
    line.clock.step(500)
    capsys.readouterr()
    line.stream()
    told = json.loads(capsys.readouterr().out.splitlines()[0])
    names = ("event", "run_id", "function", "gate", "waited_ms", "LetThrough")
    assert [told[name] for name in names] == ["let_through", waits.run_id, "free", "concurrency", 500, 1]

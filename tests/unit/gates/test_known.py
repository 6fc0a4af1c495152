"""What a process knows of pauses, and what is written of them: who, since when, how long, when they are looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.gates import pausing
from chalicelib.pauses import KEPT_MS, Pause, Paused, Pauses, read
from invoke_once.errors import StoreUnavailable
from invoke_once.life import gates, keys
from invoke_once.store.store import Unwritten
from tests.unit.gates.line import Line

NOW = 1_800_000_000_000
ITEM = gates.pause_id("free")


def stored(line: Line) -> dict[str, Any]:
    item = dict(line.table.items[ITEM, gates.PAUSE])
    return item | {"pauses": json.loads(item["pauses"])}


def test_a_pause_lasts_from_its_beginning_and_adds_up_with_those_before() -> None:
    assert [Pause(NOW, total_ms=7).lasted_ms(NOW + later) for later in (-1, 0, 1, 90)] == [7, 7, 8, 97]
    assert (Pause(total_ms=7).lasted_ms(NOW), Pause().lasted_ms(NOW), Pause(0).lasted_ms(5)) == (7, 0, 5)
    both = Paused("free", {"*": Pause(NOW), "demo": Pause(total_ms=3), "acme": Pause(NOW - 10)})
    assert [both.lasted_ms(tenant, NOW + 5) for tenant in ("demo", "acme", "other")] == [8, 20, 5]
    assert [both.whom(tenant) for tenant in ("demo", "acme")] == ["*", "*"]
    one = Paused("free", {"*": Pause(), "demo": Pause(), "acme": Pause(0)})
    assert [one.whom(tenant) for tenant in ("demo", "acme", "other")] == [None, "acme", None]


def test_a_pause_is_looked_after_while_it_is_due_and_was_not_found_empty() -> None:
    looked_after = [Paused("free", due_at=due, empty_at=empty).looked_after for due in (None, 1) for empty in (None, 1)]
    assert looked_after == [False, False, True, False]


def test_what_a_process_knows_of_a_pause_is_never_older_than_five_seconds() -> None:
    line, known = Line(), Pauses()
    for now_ms, sees in ((NOW, False), (NOW + KEPT_MS - 1, False), (NOW + KEPT_MS, True), (NOW - 1, True)):
        assert bool(known.of(line.store, "free", now_ms).of) is sees
        if now_ms == NOW:
            pausing.pause(line.svc, "free", "*", "ops", "why")
    known = Pauses()
    known.learn(Paused("free", sequence=9), NOW)
    assert known.of(line.store, "free", NOW).sequence == 9 and known.of(line.store, "two", NOW) == Paused("two")
    assert known.of_now(line.store, "free", NOW).sequence == 1 == known.of(line.store, "free", NOW).sequence


def test_only_what_is_about_to_be_held_back_is_read_consistently() -> None:
    line, asked, known = Line(), list[bool](), Pauses()
    real = line.table.get

    def get(run_id: str, part: str, *, consistent: bool = True) -> Any:
        asked.append(consistent)
        return real(run_id, part, consistent=consistent)

    line.table.get = get  # type: ignore[method-assign]
    known.of(line.store, "free", NOW), known.of_now(line.store, "free", NOW), read(line.store, "free")
    assert asked == [False, True, True]


def test_a_pause_and_its_end_are_written_and_told_as_this(capsys: Any) -> None:
    line = Line()
    made = pausing.pause(line.svc, "free", "demo", "ops", "full")
    common = {"run_id": ITEM, "part": "pause", "function": "free", "due_shard": keys.due_shard(ITEM)}
    paused = {"since": NOW, "by": "ops", "reason": "full", "total_ms": 0}
    assert stored(line) == common | {"sequence": 1, "due_at": NOW + 60_000, "pauses": {"demo": paused}}
    assert made == Paused("free", {"demo": Pause(NOW, "ops", "full")}, 1, NOW + 60_000) == read(line.store, "free")
    line.clock.step(500)
    pausing.pause(line.svc, "free", "*", "me", "all")
    again = pausing.pause(line.svc, "free", "demo", "me", "still")
    assert again.of == {"demo": Pause(NOW, "me", "still"), "*": Pause(NOW + 500, "me", "all")} and again.sequence == 3
    line.clock.step(500)
    ended = pausing.resume(line.svc, "free", "demo")
    assert ended.of == {"demo": Pause(total_ms=1_000), "*": Pause(NOW + 500, "me", "all")}
    assert (ended.due_at, stored(line)["due_at"], stored(line)["sequence"]) == (NOW + 1_000, NOW + 1_000, 4)
    assert line.svc.pauses.of(line.store, "free", line.clock()) == ended, "this process knows at once"
    assert [json.loads(text) for text in capsys.readouterr().out.splitlines()] == [
        {"event": "paused", "function": "free", "whom": "demo", "by": "ops"},
        {"event": "paused", "function": "free", "whom": "*", "by": "me"},
        {"event": "paused", "function": "free", "whom": "demo", "by": "me"},
        {"event": "resumed", "function": "free", "whom": "demo", "by": ""},
    ]


def test_a_pause_that_others_change_all_the_time_is_given_up_after_eight_tries() -> None:
    line, tried = Line(), list[str]()
    line.table.write = lambda move: (tried.append(move.letter), Unwritten({"run_id": ITEM}))[1]  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable, match="the pause of free is being changed by others, again and again"):
        pausing.pause(line.svc, "free", "*", "ops", "why")
    assert tried == ["XP"] * 8


def look(line: Line, budget_ms: int = 20_000) -> bool:
    return pausing.look_at(line.svc, ITEM, lambda _svc, head: head, budget_ms=budget_ms)


def test_a_look_at_a_pause_says_when_the_next_one_comes_as_long_as_it_is_wanted() -> None:
    line = Line()
    assert look(line) is False and line.table.tried == []
    pausing.pause(line.svc, "free", "*", "ops", "why")
    line.clock.step(60_000)
    assert look(line) is False
    assert (stored(line)["due_at"], stored(line).get("empty_at")) == (NOW + 120_000, None)
    waits = line.post("free")
    pausing.resume(line.svc, "free", "*")
    assert look(line, budget_ms=0) is True and line.go(waits) == ["paused"], "no time: nobody is let through"
    assert (stored(line)["due_at"], stored(line).get("empty_at")) == (line.clock() + 60_000, None)
    assert look(line) is False and line.go(waits) == ["dispatch"]
    empty_at = stored(line)["empty_at"]
    assert (empty_at, stored(line)["due_at"]) == (line.clock(), line.clock() + 60_000)
    line.clock.step(59_999)
    look(line)
    assert (stored(line)["empty_at"], stored(line)["due_at"]) == (empty_at, line.clock() + 60_000)
    line.clock.step(1)
    look(line)
    assert {"due_at", "due_shard"} & set(stored(line)) == set() and stored(line)["empty_at"] == empty_at
    tried = len(line.table.tried)
    assert look(line, budget_ms=0) is False and len(line.table.tried) == tried, "it rests"
    pausing.pause(line.svc, "free", "*", "ops", "why")
    assert (stored(line)["due_at"], stored(line).get("empty_at")) == (line.clock() + 60_000, None)

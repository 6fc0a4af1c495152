"""What a look writes, when it is looked at next, whom it sends and begins, and how it ends the batch."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from chalicelib.batches import attend, look, spread
from chalicelib.batches.records import run_id
from invoke_once.life.batch import Batch
from invoke_once.life.due import Due
from tests.unit.batches.noted import Noted

NOW = 1_800_000_000_000
COUNTS = {
    "total": 5, "waiting": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "expired": 0,
}  # fmt: skip


def looked(world: Noted, large: int = 3) -> bool:
    return look.look(world.svc, world.now, threads=1, large=large)


def test_a_look_writes_what_it_counted_and_when_the_next_one_may_begin() -> None:
    world = Noted(5)
    world.change(counted_at=NOW)
    world.chunk(0, at=NOW, token="t")
    world.run(0, "running"), world.run(1, "succeeded"), world.run(2, "timed_out"), world.run(3, "queued")
    world.clock.step(700)
    assert looked(world) is False
    counts = COUNTS | {"waiting": 2, "running": 1, "succeeded": 1, "timed_out": 1}
    assert (world.noting.letters, world.noting.sets) == (["BL"], [
        {"counts": json.dumps(counts, separators=(",", ":")), "counted_at": NOW + 700, "look_from": NOW + 1_700},
    ])  # fmt: skip
    assert (world.calls.made, world.indexes()) == ([], [[0, 1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("total", "max_running", "spacing_ms"),
    [(1, None, 1_000), (1_000, None, 1_000), (1_001, None, 1_001), (10_000, None, 10_000), (10_001, None, 10_000),
     (5_000, 3, 250)],
)  # fmt: skip
def test_a_large_batch_is_looked_at_less_often(total: int, max_running: int | None, spacing_ms: int) -> None:
    batch = Batch("b", "demo", "echo", "running", "g", NOW, 1, 0, total=total, max_running=max_running)
    assert look.spacing_ms(batch) == spacing_ms


def test_a_look_rests_twice_as_long_as_it_took() -> None:
    world = Noted(5)
    world.chunk(0, at=NOW)
    real = world.noting.get_many

    def slow(*given: Any) -> Any:
        world.clock.step(501)
        return real(*given)

    world.noting.get_many = slow  # type: ignore[method-assign]
    looked(world)
    assert world.now.look_from == NOW + 1_002 and (look.MARK_MS, look.BUDGET_MS) == (45_000, 30_000)


@pytest.mark.parametrize(
    ("letters", "cancelled", "status"),
    [("sssss", False, "succeeded"), ("sssss", True, "succeeded"), ("ssfss", False, "failed"),
     ("sscss", True, "cancelled"), ("sscss", False, "failed")],
)  # fmt: skip
def test_the_last_look_ends_the_batch_and_says_how(letters: str, cancelled: bool, status: str, capsys: Any) -> None:
    world = Noted(5)
    world.change(cancel_requested=cancelled)
    world.chunk(0, letters=letters, done=True)
    capsys.readouterr()
    stale = world.now
    assert looked(world) is True
    counts = COUNTS | {"succeeded": letters.count("s"), "failed": letters.count("f"), "cancelled": letters.count("c")}
    assert (world.noting.letters, world.now.status) == (["BE"], status)
    assert json.loads(world.now.counts or "") == counts
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    told = {"event": "batch_ended", "batch": world.id, "run_status": status, "BatchesEnded": 1, **counts}
    assert {name: value for name, value in line.items() if name in told} == told
    assert look.look(world.svc, stale, threads=1) is False and capsys.readouterr().out == ""
    assert world.noting.letters == ["BE", "BE!"], "another was quicker"


def test_a_look_that_comes_too_early_reads_nothing_and_comes_again_when_it_may() -> None:
    for look_from, not_before, again in (
        (NOW + 300, None, NOW + 300), (NOW + 5_000, None, NOW + 1_000), (NOW + 300, NOW, NOW + 300),
        (NOW + 300, NOW + 1, None), (NOW + 300, NOW + 1_300, None), (NOW + 300, NOW + 1_301, NOW + 300),
        (NOW + 1, NOW - 1, NOW + 1),
    ):  # fmt: skip
        world = Noted(5)
        world.change(look_from=look_from, not_before=not_before)
        assert looked(world) is False
        assert world.noting.sets == ([] if again is None else [{"not_before": again}])
        assert world.indexes() == []
    world.change(look_from=NOW)
    looked(world)
    assert world.now.counted_at == NOW


def test_a_look_at_many_chunks_says_first_that_it_begins() -> None:
    world = Noted(301)
    for chunk in range(4):
        world.chunk(chunk, at=NOW)
    assert looked(world) is False
    assert world.noting.sets[0] == {"look_from": NOW + 45_000}
    assert world.noting.letters == ["BL", "BL"] and world.now.look_from == NOW + 1_000
    few = Noted(300)
    for chunk in range(3):
        few.chunk(chunk, at=NOW)
    looked(few)
    assert few.noting.letters == ["BL"]


@pytest.mark.parametrize(("total", "letters"), [(301, ["BL!", "BL"]), (5, ["BL!", "BL"])])
def test_a_look_that_another_one_was_quicker_than_comes_again(total: int, letters: list[str]) -> None:
    world = Noted(total)
    for chunk in range(world.now.chunks):
        world.chunk(chunk, at=NOW)
    early = world.now
    world.change(look_from=NOW + 400, not_before=None)
    assert look.look(world.svc, early, threads=1) is False
    assert (world.noting.letters, world.now.not_before) == (letters, NOW + 400)
    for gone in ("failed", "cancelled"):
        world.change(status=gone, not_before=None)
        world.forget()
        assert look.look(world.svc, early, threads=1) is False
        assert world.noting.letters == ["BL!"], "it has ended: nobody comes again"
    world.noting.items.pop((world.id, "batch"))
    assert look.look(world.svc, early, threads=1) is False


def test_who_lost_to_a_look_that_is_over_comes_again_at_once() -> None:
    world = Noted(5)
    world.chunk(0, at=NOW)
    early = world.now
    world.change(look_from=NOW - 5, not_before=None)
    assert look.look(world.svc, early, threads=1) is False
    assert (world.noting.letters, world.now.not_before) == (["BL!", "BL"], NOW)


def test_workers_are_sent_again_when_those_before_have_had_their_time_and_left_something() -> None:
    for later_ms, done, sent in ((20_999, 0, None), (21_000, 0, 2), (21_000, 1, 1), (21_000, 2, 0)):
        world = Noted(150)
        for chunk in range(2):
            world.chunk(chunk, at=NOW, **({"done": True} if chunk < done else {}))
        world.clock.step(later_ms)
        looked(world)
        now = world.clock()
        moved = {2: {"spread_at": now, "not_before": now + 21_000}, 1: {"spread_at": now, "not_before": now + 21_000}}
        assert world.noting.sets[:-1] == ([] if sent is None else [moved.get(sent, {})])
        assert [event for _, event, _ in world.calls.made] == [
            {"spread": world.id, "worker": n} for n in range(sent or 0)
        ]
        assert world.now.spread_at == {None: NOW, 0: 0}.get(sent, now)


def test_who_lost_the_sending_of_workers_looks_all_the_same() -> None:
    world = Noted(5)
    world.clock.step(21_000)
    early = world.now
    world.change(spread_at=NOW + 1)
    assert look.look(world.svc, early, threads=1) is False
    assert (world.noting.letters, world.calls.made) == (["BL!", "BL"], [])


def test_a_batch_with_max_running_begins_as_many_as_may_run_at_once() -> None:
    world = Noted(5, max_running=2)
    assert looked(world) is False
    assert world.noting.letters == ["BL", "A", "A"]
    counts = json.dumps(COUNTS | {"waiting": 5}, separators=(",", ":"))
    assert world.noting.sets[0] == {
        "counts": counts, "born": 2, "counted_at": NOW, "look_from": NOW + 250, "not_before": NOW + 21_000,
    }  # fmt: skip
    assert [run for run, _ in world.fired] == [run_id(world.now, 0), run_id(world.now, 1)]
    world.forget()
    world.clock.step(1_000)
    world.run(0, "failed"), world.run(1, "running")
    looked(world)
    assert (world.noting.letters, world.now.born, len(world.fired)) == (["BL", "A"], 3, 1)
    assert world.now.not_before == NOW + 22_000
    world.forget()
    world.clock.step(1_000)
    looked(world)
    assert (world.noting.letters, world.fired) == (["BL"], []), "there is no room"
    assert "born" not in world.noting.sets[0] and "not_before" not in world.noting.sets[0]


def test_what_was_to_be_begun_and_is_not_there_is_begun_by_the_next_look() -> None:
    world = Noted(6, max_running=3)
    world.change(born=3)
    world.run(1, "queued")
    looked(world)
    assert (world.noting.letters, world.now.born) == (["BL", "A", "A"], 3)
    assert [run for run, _ in world.fired] == [run_id(world.now, index) for index in (0, 2)]


def test_a_look_begins_three_hundred_at_most_and_goes_on_soon() -> None:
    world = Noted(700, max_running=650)
    looked(world)
    assert (world.now.born, len(world.fired), world.now.not_before) == (300, 300, NOW + 21_000)
    world.noting.items = {key: item for key, item in world.noting.items.items() if item["part"] != "head"}
    world.forget()
    world.clock.step(1_000)
    looked(world)
    assert (world.now.born, len(world.fired), world.now.not_before) == (600, 300, NOW + 1_250)
    assert world.calls.made[0][1]["invoke_once"]["run_id"] == run_id(world.now, 0)


def test_what_has_a_letter_takes_no_room_and_is_not_begun() -> None:
    world = Noted(6, max_running=2)
    world.change(previous="before", batch_pass=2)
    world.chunk(0, generation="before", letters="sfsssf")
    looked(world)
    assert (world.now.born, [run for run, _ in world.fired]) == (6, [run_id(world.now, index) for index in (1, 5)])


def test_a_look_begins_runs_for_twenty_seconds_and_leaves_the_others_to_the_next() -> None:
    world = Noted(50, max_running=40)
    real = world.calls.fire

    def slow(*given: Any, **more: Any) -> Any:
        world.clock.step(2_000)
        return real(*given, **more)

    world.calls.fire = slow  # type: ignore[method-assign]
    looked(world)
    assert len(world.fired) == 10 and (look.AT_ONCE, look.LARGE, spread.RESPREAD_MS) == (300, 3, 21_000)


@pytest.mark.parametrize(("max_running", "letters", "puts"), [(2, "-----", 1), (4, "ssss-", 0), (4, "-----", 1)])
def test_the_items_are_put_anew_as_long_as_not_all_are_begun(max_running: int, letters: str, puts: int) -> None:
    world, put = Noted(5, max_running=max_running), list[str]()
    world.change(created_at=NOW - 86_400_000)
    world.chunk(0, letters=letters)
    world.objects.put = lambda key, _data: put.append(key)  # type: ignore[method-assign]
    looked(world)
    assert len(put) == puts


def test_what_is_due_for_a_batch_is_done() -> None:
    told: list[str] = []

    def deliver(_svc: Any, head: Any) -> None:
        told.append(head.run_id)

    def attended(world: Noted, **fields: Any) -> Due:
        world.change(**fields)
        world.forget()
        return attend.attend(world.svc, world.id, deliver, threads=1)

    world = Noted(2)
    assert attended(world) == Due.NOTHING and world.noting.letters == ["BL"]
    world.chunk(0, letters="ss", done=True)
    assert attended(world, look_from=None) == Due.DELIVER
    assert (world.noting.letters, told) == (["BE"], [world.id])
    assert attended(world, cb_due=NOW + 5, due_at=NOW) == Due.REARM
    assert (world.noting.letters, world.now.due_at) == (["P"], NOW + 5)
    assert attended(world) == Due.NOTHING and world.noting.letters == []
    assert attended(world, cb_status="delivered") == Due.DISARM and world.now.due_at is None
    world.noting.items.clear()
    assert attend.attend(world.svc, world.id, deliver) == Due.NOTHING and told == [world.id]


def test_who_attends_says_how_many_threads_read_and_what_a_large_batch_is() -> None:
    world, threads = Noted(250), set[str]()
    for chunk in range(3):
        world.chunk(chunk, at=NOW)
    world.noting.get_many = lambda *_: threads.add(threading.current_thread().name) or []  # type: ignore[method-assign,func-returns-value]
    attend.attend(world.svc, world.id, lambda *_: None, threads=1, large=2)
    assert threads == {threading.current_thread().name} and world.noting.letters == ["BL", "BL"]

"""One run of a batch: what it is asked to be, when it is begun, fired again or stopped, and what that writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from chalicelib.batches import members, spread
from chalicelib.batches.manifest import Item, Manifest
from chalicelib.batches.records import run_id
from chalicelib.functions import Function, Retry
from chalicelib.gates import pausing
from invoke_once.errors import StoreUnavailable
from invoke_once.life import gates, moves
from invoke_once.life.batch import Batch
from invoke_once.life.conditions import missing
from invoke_once.life.move import Arm
from invoke_once.life.moves import batch_moves
from invoke_once.store.payloads import sha
from tests.unit.batches.noted import Noted

NOW = 1_800_000_000_000
RETRY = Retry(max_attempts=4, backoff_seconds=3, max_backoff_seconds=50, jitter=False)
FUNCTION = Function(
    name="echo", target="s-echo", retry=RETRY, callback="https://example.com/function", retention_days=2, on_lost="fail"
)


def items(world: Noted) -> Manifest:
    return spread.read_manifest(world.svc, world.now)


def begin(world: Noted, index: int = 0, found: Any = None) -> None:
    members.begin(world.svc, world.now, items(world), index, found)


def stop(world: Noted, index: int = 0, found: Any = None) -> None:
    members.stop(world.svc, world.now, items(world), index, found)


def in_pass(world: Noted, number: int) -> Batch:
    return world.change(batch_pass=number, previous="before")


def test_the_run_of_an_item_is_what_item_batch_and_function_ask_it_to_be() -> None:
    options = {"delay_ms": 5_000, "queue_ms": 7_000, "max_attempts": 2, "backoff_ms": 11, "max_backoff_ms": 12}
    world = Noted(5, FUNCTION, options=options)
    batch = world.now
    world.clock.step(400)
    asked = moves.NewRun(
        tenant="demo", function="echo", key="mine", delay_ms=4_600, queue_ms=7_000, retention_s=172_800,
        max_attempts=2, backoff_ms=11, max_backoff_ms=12, jitter=False, on_lost="fail", labels='{"a":"1","b":"2"}',
        callback_url=None, batch=batch.run_id, batch_seed=batch.seed, batch_index=3, batch_pass=None,
    )  # fmt: skip
    assert members.new_run(world.svc, batch, 3, Item(b"{}", "mine", {"b": "2", "a": "1"})) == asked
    plain = members.new_run(world.svc, batch, 4, Item(b"{}"))
    assert plain == replace(asked, key=f"{batch.run_id}/4", labels=None, batch_index=4)
    world.clock.step(4_600)
    assert members.new_run(world.svc, batch, 4, Item(b"{}")) == replace(plain, delay_ms=0)
    world.clock.step(1)
    assert members.new_run(world.svc, batch, 4, Item(b"{}")) == replace(plain, delay_ms=0)


def test_only_the_first_pass_is_delayed_and_a_batch_without_options_is_not() -> None:
    world = Noted(1, FUNCTION, options={"delay_ms": 5_000})
    assert members.new_run(world.svc, in_pass(world, 1), 0, Item(b"1")).delay_ms == 5_000
    second = members.new_run(world.svc, in_pass(world, 2), 0, Item(b"1"))
    assert (second.delay_ms, second.batch_pass) == (0, 2)
    plain = Noted(1, FUNCTION)
    new = members.new_run(plain.svc, plain.now, 0, Item(b"1"))
    assert (new.delay_ms, new.queue_ms, new.max_attempts) == (0, 21_600_000, 4)


def test_a_function_that_is_gone_is_one_that_every_fire_refuses() -> None:
    world = Noted(1)
    assert members.function_of(world.svc, world.now) == Function(name="echo", target="s-echo")
    gone = structs.replace(world.svc, functions={})
    assert members.function_of(gone, world.now) == Function(name="echo", target="echo")


def test_a_new_run_is_put_and_fired_with_its_own_input_and_nothing_is_read() -> None:
    world = Noted(3)
    manifest = items(world)
    world.forget()
    members.begin(world.svc, world.now, manifest, 2)
    assert (world.noting.letters, world.fired) == (["A"], [(run_id(world.now, 2), {"i": 2})])
    ((target, event, more),) = world.calls.made
    assert (target, more) == ("s-echo", {"qualifier": "", "tries": 3})
    assert event == {
        "invoke_once": {
            "run_id": run_id(world.now, 2), "generation": world.head(2).generation, "attempt": 1, "fired_at": NOW,
            "v": 1,
        },
        "input": {"i": 2},
    }  # fmt: skip
    assert world.svc.payloads.input(world.head(2)) == b'{"i": 2}'


@pytest.mark.parametrize(("later_ms", "fired"), [(10_000, 1), (10_001, 2)])
def test_who_begins_a_run_again_fires_it_where_it_may_never_have_been_fired(later_ms: int, fired: int) -> None:
    world = Noted(1)
    begin(world)
    world.clock.step(later_ms)
    begin(world)
    assert world.noting.letters == ["A", "A!"]
    assert world.fired == [(run_id(world.now, 0), {"i": 0})] * fired


LONG_AGO = {"due_at": NOW + 300_000 - 10_001, "dispatches": 1}


@pytest.mark.parametrize(
    ("status", "fields", "fires"),
    [
        ("queued", LONG_AGO, True), ("queued", LONG_AGO | {"due_at": NOW + 300_000 - 10_000}, False),
        ("queued", LONG_AGO | {"dispatches": 2}, False), ("queued", LONG_AGO | {"dispatches": 0}, False),
        ("queued", {"dispatches": 1}, True), ("running", LONG_AGO, False), ("succeeded", LONG_AGO, False),
        ("queued", LONG_AGO | {"not_before": 5}, False), ("scheduled", LONG_AGO | {"not_before": 5}, False),
        ("queued", LONG_AGO | {"attempt": 1}, False), ("queued", LONG_AGO | {"attempt": 1, "extra_attempts": 1}, True),
        ("queued", LONG_AGO | {"attempt": 2, "extra_attempts": 1}, False),
    ],
)  # fmt: skip
def test_a_run_of_this_pass_is_fired_again_if_it_was_put_long_ago_and_nobody_has_begun_it(
    status: str, fields: dict[str, Any], fires: bool
) -> None:
    world = Noted(1)
    begin(world, found=world.run(0, status, **fields))
    assert (world.noting.letters, world.fired) == ([], [(run_id(world.now, 0), None)] if fires else [])


def test_in_a_later_pass_what_there_is_is_read_first_and_what_failed_is_sent_again() -> None:
    world = Noted(1)
    before = world.run(0, "failed", attempt=1, error=b"\0{}", finished_at=NOW - 9)
    in_pass(world, 2)
    manifest = items(world)
    world.noting.got.clear()
    members.begin(world.svc, world.now, manifest, 0)
    assert world.noting.got[1:] == [(before.run_id, "head"), ("slot_" + gates.pause_id("echo")[5:], "pause")]
    assert (world.noting.letters, world.fired) == (["O"], [(before.run_id, None)])
    after = world.head(0)
    assert (after.status, after.batch_pass, after.max_attempts, after.error) == ("queued", 2, 2, None)
    assert world.calls.made[0][1]["invoke_once"]["generation"] == after.generation != before.generation


def test_in_the_first_pass_nothing_is_read_before_the_write() -> None:
    world = Noted(1)
    in_pass(world, 1)
    manifest = items(world)
    batch = world.now
    world.noting.got.clear()
    members.begin(world.svc, batch, manifest, 0)
    assert (batch.run_id, "head") not in world.noting.got and (run_id(batch, 0), "head") not in world.noting.got


def test_what_a_run_needs_lives_as_long_as_the_run_that_is_sent_again() -> None:
    world = Noted(1)
    name = sha(b"[1]")
    fields = {"input": None, "input_ref": f"item:{name}", "state_ref": "item:lease#000001:sha", "state_seq": 1}
    found = world.run(0, "failed", attempt=1, **fields)
    for part in (f"input#{name}", "state#lease#000001"):
        kept = {"run_id": found.run_id, "part": part, "expires_at": 5, "input": b"\0[1]"}
        world.noting.items[found.run_id, part] = kept
    in_pass(world, 2)
    begin(world, found=found)
    assert world.noting.letters == ["input", "state", "O"]
    expires_at = (NOW + 21_600_000) // 1000 + 86_400 + 86_400
    parts = ("head", f"input#{name}", "state#lease#000001")
    assert [world.noting.items[found.run_id, part]["expires_at"] for part in parts] == [expires_at] * 3
    assert world.fired == [(found.run_id, [1])]


def test_a_worker_that_is_late_sends_nothing_again_in_a_later_pass() -> None:
    world = Noted(1)
    found = world.run(0, "failed", attempt=1)
    batch = in_pass(world, 2)
    world.store.apply(batch_moves.redrive_for(found, batch, NOW))
    world.store.apply(moves.claim(found.run_id, world.head(0).generation, NOW, 60_000))
    world.forget()
    begin(world, found=found)
    assert (world.noting.letters, world.fired) == (["O!"], [])


def test_a_run_that_a_person_sent_again_joins_the_pass_and_is_left_alone() -> None:
    world = Noted(1)
    found = world.run(0, "running", attempt=1)
    in_pass(world, 2)
    begin(world, found=found)
    assert (world.noting.letters, world.fired, world.head(0).batch_pass) == (["BJ"], [], 2)
    world.forget()
    begin(world, found=world.run(0, "queued", **LONG_AGO))  # who sent it again may have died before it was fired
    assert (world.noting.letters, world.fired) == (["BJ"], [(found.run_id, None)])


def test_what_is_read_wrongly_again_and_again_is_left_after_four_moves() -> None:
    world = Noted(1)
    found = world.run(0, "failed", attempt=1)
    in_pass(world, 2)
    world.noting.items[found.run_id, "head"]["attempt"] = 2
    world.noting.write = refusing(world, "O")  # type: ignore[method-assign]
    begin(world, found=found)
    assert (world.noting.letters, world.fired) == (["O!"] * 4, [])
    world.forget()
    in_pass(world, 3)
    world.noting.write = refusing(world, "BJ")  # type: ignore[method-assign]
    stop(world, found=found)
    assert (world.noting.letters, world.fired) == (["BJ!"] * 4, [])


def refusing(world: Noted, letter: str) -> Any:
    """A table that refuses these moves with what it has: somebody is always quicker."""
    real = type(world.noting).write

    def write(move: Any) -> Any:
        late = replace(move, guard=(Arm("late", missing("run_id")),)) if move.letter == letter else move
        return real(world.noting, late)

    return write


def test_a_run_that_is_forgotten_meanwhile_is_left() -> None:
    world = Noted(1)
    failed, running = world.run(0, "failed"), world.run(0, "running")
    world.noting.items.pop((failed.run_id, "head"))
    in_pass(world, 2)
    for found in (failed, running):
        begin(world, found=found)
        stop(world, found=found)
    assert (world.noting.letters, world.fired) == (["O!", "BJ!", "BJ!", "BJ!"], [])


def test_an_item_of_a_cancelled_batch_is_born_cancelled_with_its_input() -> None:
    world = Noted(2)
    world.change(cancelled_by="tok_a")
    stop(world, 1)
    head = world.head(1)
    assert (world.noting.letters, world.fired, head.status, head.cancelled_by) == (["BT"], [], "cancelled", "tok_a")
    assert (head.key, head.batch_index, world.svc.payloads.input(head)) == (f"{world.id}/1", 1, b'{"i": 1}')


@pytest.mark.parametrize("known", [True, False])
def test_what_there_is_of_a_cancelled_batch_is_cancelled_or_asked_to_stop_or_stays_ended(known: bool) -> None:
    world = Noted(3)
    world.change(cancelled_by="tok_a")
    for index, status in enumerate(("queued", "running", "failed")):
        found = world.run(index, status, attempt=index)
        stop(world, index, found if known else None)
    assert [letter for letter in world.noting.letters if letter != "BT!"] == ["M", "N"]
    assert world.noting.letters.count("BT!") == (0 if known else 3)
    assert [(world.head(n).status, world.head(n).cancelled_by) for n in range(3)] == [
        ("cancelled", "tok_a"), ("running", "tok_a"), ("failed", None),
    ]  # fmt: skip


def test_what_is_stopped_in_a_later_pass_counts_in_it() -> None:
    world = Noted(3)
    in_pass(world, 2)
    for index, status in enumerate(("queued", "failed", "succeeded")):
        stop(world, index, world.run(index, status, attempt=index))
    assert world.noting.letters == ["BJ", "M", "BJ"]
    assert [(world.head(n).status, world.head(n).batch_pass) for n in range(3)] == [
        ("cancelled", 2), ("failed", 2), ("succeeded", None),
    ]  # fmt: skip


def test_a_run_that_its_limit_holds_back_asks_at_once_and_is_fired_when_there_is_room() -> None:
    world = Noted(2, structs.replace(FUNCTION, max_running=1))
    for index in range(2):
        begin(world, index)
    assert world.fired == [(run_id(world.now, 0), {"i": 0})]
    assert [world.head(n).wait_shard is None for n in range(2)] == [True, False]


def test_what_is_sent_again_passes_its_limit_and_knows_how_long_its_function_was_paused() -> None:
    world = Noted(2, structs.replace(FUNCTION, max_running=1))
    pausing.pause(world.svc, "echo", gates.EVERYBODY, "me", "why")
    world.clock.step(7_000)
    pausing.resume(world.svc, "echo", gates.EVERYBODY)
    in_pass(world, 2)
    for index in range(2):
        begin(world, index, world.run(index, "failed", attempt=1))
    assert [head.run_id for head in map(world.head, range(1))] == [run for run, _ in world.fired]
    assert [(world.head(n).paused_ms, world.head(n).hold is None) for n in range(2)] == [(7_000, False)] * 2
    assert [world.head(n).wait_shard is None for n in range(2)] == [True, False]


def test_a_run_that_was_put_stays_though_the_store_fails_before_it_is_fired(capsys: Any) -> None:
    world = Noted(1)

    def fire(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("DynamoDB is away", "Throttled")

    world.calls.fire = fire  # type: ignore[method-assign]
    begin(world)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["event"], line["run_id"], line["reason"], line["DispatchDelayed"]) == (
        "dispatch_delayed", run_id(world.now, 0), "DynamoDB is away", 1,
    )  # fmt: skip
    assert world.head(0).status == "queued"


def test_a_delayed_run_is_put_and_not_fired() -> None:
    world = Noted(1, options={"delay_ms": 5_000})
    begin(world)
    assert (world.noting.letters, world.fired, world.head(0).status) == (["A"], [], "scheduled")

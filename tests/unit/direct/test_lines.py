"""What is printed of claims, duplicates, messages and lost attempts: of which run, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import NotClaimed, StoreUnavailable
from invoke_once.handler import envelope, paused, recovery
from invoke_once.handler.fired import LATE_MS
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.store.store import Applied
from tests.unit.direct.world import FUNCTION, TENANT, Body, World


def queued(world: World, **asked: Any) -> Head:
    started = world.store.apply(moves.start(moves.NewRun(TENANT, FUNCTION, "k", **asked), world.clock()))
    assert isinstance(started, Applied)
    return started.head


def event(world: World, head: Head, **members: Any) -> Any:
    fired = json.loads(envelope.fired_event(head, b"null", world.clock()))
    return fired | {"invoke_once": fired["invoke_once"] | members}


def claimed(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world)
    world.call(tracked(Body()), event(world, head), request_id="r-1")
    return "claimed", {
        "run_id": head.run_id, "attempt": 1, "claim": world.runs()[0].claim_token, "function": FUNCTION,
        "request_id": "r-1", "Claimed": 1, "leg": None, "legs": None,
    }  # fmt: skip


def claimed_leg(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world, payload={"input": b"\x00null", "input_size": 4})
    body = Body(lambda _: current_run().continue_later() if body.count == 1 else None)
    handler = tracked(body)
    world.call(handler, event(world, head))
    again = world.head("k")
    released = world.store.apply(moves.release(again, world.clock()))
    assert released.head is not None
    world.call(handler, event(world, released.head))
    return "claimed", {"run_id": head.run_id, "attempt": 2, "leg": 2, "legs": 1}


def refused(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world)
    for _ in range(2):
        world.call(tracked(Body()), event(world, head))
    return "duplicate_refused", {
        "run_id": head.run_id, "run_status": "succeeded", "because": ["free"], "DuplicatesRefused": 1,
    }  # fmt: skip


def claim_delayed(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world)
    world.table.away = {"E"}
    world.after(50, world.table.away.clear)
    world.call(tracked(Body()), event(world, head))
    return "claim_delayed", {"run_id": head.run_id, "reason": "no E"}


def input_delayed(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world, payload={"input_ref": "s3:key", "input_size": 9_999})
    objects, tries = world.objects, [StoreUnavailable("S3 is away")]

    def get(_key: str) -> bytes:
        if tries:
            raise tries.pop()
        return b"1"

    objects.get = get  # type: ignore[method-assign]
    world.call(tracked(Body()), event(world, head, input_ref="s3:key"))
    return "input_delayed", {"run_id": head.run_id, "attempt": 1, "reason": "S3 is away"}


def late_while_paused(world: World) -> tuple[str, dict[str, Any]]:
    head = queued(world)
    world.store.put_part(gate_moves.pause(FUNCTION, 0, '{"*":{"since":1}}', world.clock()))
    paused._known.clear()
    fired = event(world, head)
    world.clock.step(LATE_MS + 1)
    world.call(tracked(Body()), fired)
    return "paused", {"run_id": head.run_id, "function": FUNCTION}


def pause_not_known(world: World) -> tuple[str, dict[str, Any]]:
    def part(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    paused._known.clear()
    world.store.part = part  # type: ignore[method-assign,assignment]
    assert not paused.is_paused(world.runtime, FUNCTION)
    return "pause_not_known", {"function": FUNCTION, "reason": "away"}


def dropped(world: World) -> tuple[str, dict[str, Any]]:
    head = world.elsewhere("k", 1)
    world.call(tracked(key=lambda _: "k")(Body()), 1)
    return "duplicate_dropped", {"run_id": head.run_id, "run_status": "running", "DuplicatesRefused": 1}


def answered(world: World) -> tuple[str, dict[str, Any]]:
    handler = tracked(key=lambda _: "k")(Body())
    for _ in range(2):
        world.call(handler, 1)
    return "duplicate_answered", {
        "run_id": world.head("k").run_id, "run_status": "succeeded", "DuplicatesRefused": 1,
    }  # fmt: skip


def messages(world: World, suffix: str = "") -> None:
    def body(message: Any) -> Any:
        if message["Records"][0]["messageId"] == "m1":
            world.clock.step(30_000)
            raise ValueError
        world.clock.step(29_000)

    sent = [{"messageId": f"m{n}", "eventSource": "aws:sqs", "eventSourceARN": f"q{suffix}"} for n in range(1, 4)]
    world.call(tracked(Body(body)), {"Records": sent})


def message_failed(world: World) -> tuple[str, dict[str, Any]]:
    messages(world)
    return "message_failed", {"message_id": "m1", "reason": "ValueError"}


def message_left(world: World) -> tuple[str, dict[str, Any]]:
    messages(world)
    return "message_left", {"message_id": "m3", "reason": "time"}


def message_behind(world: World) -> tuple[str, dict[str, Any]]:
    with suppress(ValueError):  # all have failed
        messages(world, ".fifo")
    return "message_left", {"message_id": "m2", "reason": "fifo"}


def slot_not_told(world: World) -> tuple[str, dict[str, Any]]:
    world.table.away = {"slot"}
    world.call(tracked(attach=True)(Body()), {"n": 1})
    return "slot_not_told", {"reason": "no slot"}


def attempt_lost(world: World) -> tuple[str, dict[str, Any]]:
    head = world.elsewhere("k", 1)
    recovery.lose(world.payloads, head, world.clock(), why="gone", seen_dead=True)
    return "attempt_lost", {
        "run_id": head.run_id, "attempt": 1, "function": FUNCTION, "run_status": "failed", "Lost": 1,
    }  # fmt: skip


def leg_lost(world: World) -> tuple[str, dict[str, Any]]:
    head = world.elsewhere("k", 1, on_timeout="continue")
    made = moves.carrying(moves.progress(moves.fence(head), fraction=None, message=None),
                          moves.State(1, {"state": b"\0 1", "state_lease": head.lease_id}))  # fmt: skip
    kept = world.store.apply(made)
    assert isinstance(kept, Applied)
    recovery.lose(world.payloads, kept.head, world.clock(), why="gone", seen_dead=True)
    return "leg_lost", {"run_id": head.run_id, "attempt": 1, "leg": 1, "function": FUNCTION, "LegsLost": 1}


def given_back(world: World) -> tuple[str, dict[str, Any]]:
    head = world.elsewhere("k", 1)
    recovery.give_back(world.store, head, world.clock())
    return "attempt_given_back", {"run_id": head.run_id, "attempt": 1, "function": FUNCTION}


CASES: list[Callable[[World], tuple[str, dict[str, Any]]]] = [
    claimed, claimed_leg, refused, claim_delayed, input_delayed, late_while_paused, pause_not_known, dropped, answered,
    message_failed, message_left, message_behind, slot_not_told, attempt_lost, leg_lost, given_back,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_each_line_says_of_what_it_is_and_why(
    capsys: pytest.CaptureFixture[str], case: Callable[[World], tuple[str, dict[str, Any]]]
) -> None:
    name, says = case(World())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    line = [line for line in lines if line["event"] == name][-1 if case is claimed_leg else 0]
    assert {field: line.get(field) for field in says} == says


def test_a_claim_that_is_given_up_says_why() -> None:
    world = World()
    head = queued(world)
    world.table.away = {"E"}
    with pytest.raises(NotClaimed, match="no E"):
        world.call(tracked(Body()), event(world, head))

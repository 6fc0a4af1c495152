"""What the service prints of runs that it accepts, starts and looks at: of which, what it did, what it counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.due import wake
from chalicelib.due.sweep import sweep
from chalicelib.gates import pausing
from chalicelib.invoker import Rejected, Unavailable
from chalicelib.runs import dispatch
from invoke_once.errors import StoreUnavailable
from invoke_once.life import gates, moves
from invoke_once.life.due import FIRST_LOOK_MS
from tests.unit.due.test_wake import Stage as Streams
from tests.unit.due.test_wake import ended, record
from tests.unit.gates.line import Line
from tests.unit.runs.test_dispatch import PLAIN, Stage

MINUTE = FIRST_LOOK_MS
Told = tuple[str, dict[str, Any]]


def accepted() -> Told:
    return "accepted", {"run_id": Stage().post().head.run_id, "function": "echo", "tenant": "demo", "Accepted": 1}


def replayed() -> Told:
    stage = Stage()
    stage.post()
    return "replayed", {"run_id": stage.post().head.run_id, "run_status": "queued", "Replayed": 1}


def delayed_by_lambda() -> Told:
    stage = Stage()
    stage.lambda_.answer = Unavailable("TooManyRequestsException", known=True)
    head = stage.post().head
    return "dispatch_delayed", {"run_id": head.run_id, "reason": "TooManyRequestsException", "DispatchDelayed": 1}


def delayed_by_the_table() -> Told:
    stage = Stage()
    stage.table.letters = "F"
    head = stage.post(PLAIN).head
    return "dispatch_delayed", {"run_id": head.run_id, "reason": "away", "DispatchDelayed": 1}


def rejected() -> Told:
    stage = Stage()
    stage.lambda_.answer = Rejected("TargetRefused", "no")
    head = stage.post().head
    return "rejected", {"run_id": head.run_id, "function": "echo", "reason": "TargetRefused", "Rejected": 1}


def redriven() -> Told:
    stage = Stage()
    head = stage.fail(stage.post().head)
    dispatch.redrive(stage.svc, head)
    return "redriven", {"run_id": head.run_id, "function": "echo", "Redriven": 1}


def _attended(stage: Stage, head: Any, after_ms: int, did: str, **counted: int) -> Told:
    stage.clock.step(after_ms)
    stage.attend(head)
    seen = {"Released": None, "Redispatched": None, "Expired": None, "Rearmed": None} | counted
    return "attended", {"run_id": head.run_id, "attempt": head.attempt, "did": did} | seen


def released() -> Told:
    stage = Stage()
    return _attended(stage, stage.post(delay_ms=5).head, 5, "release", Released=1)


def dispatched() -> Told:
    stage = Stage()
    return _attended(stage, stage.post().head, MINUTE, "dispatch", Redispatched=1)


def expired() -> Told:
    stage = Stage()
    return _attended(stage, stage.post(queue_ms=9).head, 10, "expire", Expired=1)


def lost() -> Told:
    stage = Stage()
    running = stage.claim(stage.post().head)
    return _attended(stage, running, running.lease_until - stage.clock() + 1, "lose")


def rearmed() -> Told:
    stage = Stage()
    head = stage.post().head
    claimed = stage.store.apply(moves.claim(head.run_id, head.generation, stage.clock(), 10 * MINUTE)).head
    return _attended(stage, claimed, MINUTE, "rearm", Rearmed=1)


def disarmed() -> Told:
    stage = Stage()
    head = stage.fail(stage.post().head)
    stage.table.items[head.run_id, "head"] |= {"due_at": stage.clock(), "due_shard": "due#0"}
    return _attended(stage, head, 0, "disarm", Rearmed=1)


def swept() -> Told:
    stage = Stage()
    stage.post()
    stage.clock.step(MINUTE + 7)
    sweep(stage.svc, lambda *_: stage.clock.step(3), workers=1)
    return "swept", {
        "looked_at": 1, "failed": 0, "unfinished": False, "Sweeps": 1, "oldest_due_ms": 7, "sweep_ms": 0,
    }  # fmt: skip


def record_failed() -> Told:
    Streams().records(record(ended("run_poison", 1_800_000_005_000)))
    return "stream_record_failed", {"reason": "OSError", "StreamRecordFailed": 1}


def message_unreadable() -> Told:
    wake.on_wake(Streams().svc, {"Records": [{"messageId": "m1", "body": "{}"}]})
    return "wake_message_unreadable", {"message_id": "m1", "reason": "KeyError", "WakeMessageUnreadable": 1}


def let_through() -> Told:
    line = Line()
    head = line.post("two")
    return "let_through", {
        "run_id": head.run_id, "function": "two", "gate": "max_running", "waited_ms": 0, "LetThrough": 1,
    }  # fmt: skip


def paused() -> Told:
    line = Line()
    pausing.pause(line.svc, "two", "demo", "tok_a", "why")
    return "paused", {"function": "two", "whom": "demo", "by": "tok_a"}


def resumed() -> Told:
    line = Line()
    pausing.pause(line.svc, "two", "demo", "tok_a", "why")
    pausing.resume(line.svc, "two", "demo")
    return "resumed", {"function": "two", "whom": "demo"}


def held_back() -> Told:
    line = Line()
    head = line.post("free", delay_ms=5)
    pausing.pause(line.svc, "free", gates.EVERYBODY, "me", "why")
    line.clock.step(5)
    line.attend(head)
    return "held_back", {"run_id": head.run_id, "function": "free", "HeldBack": 1}


def gate_failed() -> Told:
    line = Line()
    first, _, _ = [line.post("two") for _ in range(3)]
    line.end(line.claim(first))
    line.store.part = _away  # type: ignore[method-assign,assignment]
    line.stream()
    return "gate_failed", {"gate": gates.of_function("two"), "reason": "StoreUnavailable", "GateFailed": 1}


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailable("away")


CASES: list[Callable[[], Told]] = [
    accepted, replayed, delayed_by_lambda, delayed_by_the_table, rejected, redriven, released, dispatched, expired,
    lost, rearmed, disarmed, swept, record_failed, message_unreadable, let_through, paused, resumed, held_back,
    gate_failed,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_each_line_says_of_what_it_is_and_what_it_counts(
    capsys: pytest.CaptureFixture[str], case: Callable[[], Told]
) -> None:
    name, says = case()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line, *_) = [line for line in lines if line["event"] == name]
    assert {field: line.get(field) for field in says} == says

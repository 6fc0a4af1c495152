"""The world of `tests/machine`, in which the attempts are the JavaScript library's.

Everything else, the table with its witness, the service, Lambda, time and what goes wrong, is as it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from invoke_once.errors import AttemptSuperseded, ContinueLater, PayloadCorrupt, StoreUnavailable
from invoke_once.handler.envelope import Envelope
from invoke_once.handler.outcomes import Outcome
from invoke_once.handler.runtime import Runtime
from invoke_once.life.conditions import Check, Condition, Group
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.store.marshal import dumps
from invoke_once.store.store import Applied, Refused, Result, Written
from invoke_once.testing import Context
from tests.machine.faults import Crash, Plan
from tests.machine.history import Actor
from tests.machine.legs import Legs
from tests.machine.stage import FUNCTIONS
from tests.machine.workers import Event
from tests.machine.world import World
from tests.node.pipe import NodeError, NodeSide

MISTAKES = ("TypeError", "ReferenceError", "RangeError", "SyntaxError")
_names = count()
Rewrite = Callable[[Move], Move]


@dataclass
class NodeWorld(World):
    """`rewrite`: a mistake in what Node.js writes."""

    node: NodeSide = field(kw_only=True)
    rewrite: Rewrite = field(kw_only=True, default=lambda move: move)
    attempts: dict[str, NodeAttempt] = field(kw_only=True, default_factory=dict)

    def begin(self, rt: Runtime, event: Event, envelope: Envelope, context: Context) -> tuple[Result, Any]:
        attempt = NodeAttempt(self, rt)
        claimed = attempt.call("claim", event=event.body, left_ms=context.get_remaining_time_in_millis())
        return _result(claimed), attempt if claimed["applied"] else None

    def call_directly(
        self, function: str, key: str, attach: bool, actor: Actor, plan: Plan, meanwhile: Callable[[], object], how: str
    ) -> None:
        timeout_ms = FUNCTIONS[function].timeout_seconds * 1000

        def body(asked: Mapping[str, Any]) -> dict[str, Any]:
            worker = self.direct_worker(function, actor, timeout_ms, asked["run_id"], asked["attempt"])
            try:
                meanwhile()
                if how in ("value", "large"):
                    self.outputs[worker.lease_id].add(dumps(worker.lease_id))
                return {"how": how, "value": worker.lease_id}
            finally:
                worker.done = True

        called = NodeAttempt(self, self.runtime(actor, plan, function), body)
        about = {"key": key, "attach": attach, "left_ms": timeout_ms, "request_id": f"request-{len(self.workers)}"}
        try:
            called.call("direct", **about)
        except NodeError as error:  # what its caller is told
            if error.name in MISTAKES:
                raise


class NodeAttempt:
    """An attempt over there. What it asks is answered by the engine, the objects and the clock of its runtime."""

    def __init__(
        self, world: NodeWorld, runtime: Runtime, body: Callable[[Mapping[str, Any]], Any] | None = None
    ) -> None:
        self._world, self._runtime, self._body = world, runtime, body
        self._name = f"worker {next(_names)}"
        world.attempts[self._name] = self
        self._settled: Result | None = None
        self.told: list[Move] = []  #: progress and checkpoints that it wrote

    def settle(self, outcome: Outcome) -> Result:
        about = {
            "status": outcome.status, "output": outcome.output, "error": outcome.error, "errorType": outcome.error_type,
            "retriable": outcome.retriable, "afterMs": outcome.after_ms, "asked": outcome.asked,
        }  # fmt: skip
        self._settled = _result(self.call("settle", outcome=about))
        return self._settled

    def run_out(self, seconds: float) -> None:
        self._settled = _result(self.call("runOut", seconds=seconds))

    def beat(self, lease_ms: int) -> None:
        self.call("beat", lease_ms=lease_ms)

    def progress(self, fraction: float, message: str | None = None) -> None:
        self.call("progress", fraction=fraction, message=message)

    def checkpoint(self, state: Any, *, now: bool = False) -> None:
        self.call("checkpoint", state=state, now=now)

    def call(self, act: str, **about: Any) -> Any:
        if self._runtime.store.engine.plan.dead:  # type: ignore[attr-defined]
            raise Crash
        policy = {_camel(name): value for name, value in self._runtime.policy._asdict().items()}
        message = {"do": act, "worker": self._name, "policy": policy, "now": self._runtime.now_ms()}
        try:
            return self._world.node.call(message | about, self._serve)
        except NodeError as error:
            if error.name in ("StoreUnavailable", "NotClaimed"):
                raise StoreUnavailable(error.message, error.code) from error
            if error.name == "ContinueLater":
                raise ContinueLater(asked=False) from error
            raise (AttemptSuperseded() if error.name == "AttemptSuperseded" else error) from error

    def _serve(self, asked: dict[str, Any]) -> dict[str, Any]:
        worker = self._world.attempts[asked["worker"]]
        try:
            answer = {"value": worker.answer(asked)}
        except (StoreUnavailable, PayloadCorrupt) as error:
            told = {"name": type(error).__name__, "message": str(error), "code": getattr(error, "code", "")}
            answer = {"error": told}
        return answer | {"now": worker._runtime.now_ms()}

    def answer(self, asked: Mapping[str, Any]) -> Any:
        store, objects = self._runtime.store, self._runtime.payloads.objects
        match asked["call"]:
            case "write":
                move = self._world.rewrite(_move(asked["move"]))
                self.told += [move] if move.letter == "G" else []
                found = store.engine.write(move)
                return {"item" if isinstance(found, Written) else "found": dict(found.item)}
            case "get":
                item = store.engine.get(asked["run_id"], asked["part"], consistent=asked["consistent"])
                return None if item is None else dict(item)
            case "put":
                return objects.put(asked["key"], asked["data"])
            case "object":
                return objects.get(asked["key"])
            case "body" if self._body:
                return self._body(asked)
            case "sleep":
                return self._runtime.sleep(asked["ms"] / 1000)
        raise AssertionError(asked)


class NodeLegs(Legs):
    """The search over legs; a late copy of a checkpoint is what the other side had sent."""

    def late_copy(self) -> None:
        for worker in self._at_work()[-1:]:
            assert isinstance(worker.attempt, NodeAttempt)
            self.world.clock.step(3_000)
            before = len(worker.attempt.told)
            self.checkpoint(now=True)
            self.checkpoint(now=True)
            with self.world.trouble():
                for move in worker.attempt.told[before : before + 1]:
                    worker.attempt._runtime.store.apply(move)


def _result(told: Mapping[str, Any]) -> Result:
    head = Head.from_item(told["head"]) if told["head"] else None
    if not told["applied"]:
        return Refused(head, tuple(told["arms"]))
    assert head is not None
    return Applied(head)


def _move(told: Mapping[str, Any]) -> Move:
    guard = tuple(Arm(arm["name"], _condition(arm["condition"])) for arm in told["guard"])
    return Move(told["letter"], told["run_id"], guard, told["set"], told["set_once"], told["add"],
                tuple(told["remove"]), told["part"], told["replace"], told["mine"])  # fmt: skip


def _condition(told: list[Any]) -> Condition:
    op, *rest = told
    if op in ("AND", "OR"):
        return Group(op, tuple(_condition(part) for part in rest))
    return Check(rest[0], op, tuple(rest[1]) if op == "in" else rest[1] if len(rest) > 1 else None)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join("S" if part == "s" else part.capitalize() for part in rest)

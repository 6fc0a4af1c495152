"""The fixed parts of the world: the functions, the bodies they take, and Lambda as the service reaches it."""

from __future__ import annotations

import io
import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.functions import Function, Retry
from chalicelib.invoker import Answer, Fired, Rejected, Unavailable
from chalicelib.settings import read
from invoke_once.handler.runtime import Policy
from invoke_once.testing import Clock
from tests.machine.faults import Plan
from tests.machine.workers import Event

SETTINGS = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t", "ONCE_LOCAL": "1"})
CALLBACK = "http://127.0.0.1:9/hook"
DIED = {"errorType": "Runtime.ExitError", "errorMessage": "Worker process died"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _function(name: str, timeout_seconds: int = 30, **more: Any) -> Function:
    return Function(name, target=f"s-{name}", timeout_seconds=timeout_seconds, retention_days=1, **more)


FUNCTIONS: Mapping[str, Function] = {
    f.name: f
    for f in (
        _function("once"),
        _function("thrice", retry=Retry(max_attempts=3, backoff_seconds=10, max_backoff_seconds=60)),
        _function("fragile", retry=Retry(max_attempts=3, backoff_seconds=0), on_lost="fail"),
        _function("beating", timeout_seconds=120, retry=Retry(max_attempts=2, backoff_seconds=5), heartbeat_seconds=6),
        _function("legs", retry=Retry(max_attempts=2, backoff_seconds=5), on_timeout="continue", max_legs=4),
        _function("plain", retry=Retry(max_attempts=2, backoff_seconds=5), mode="destination"),
    )
}


def policy_of(function: Function) -> Policy:
    """What a function that registers its own runs has in its environment."""
    retry = function.retry
    return Policy(
        function=function.name, tenant="demo", retention_s=function.retention_days * 86_400, on_lost=function.on_lost,
        max_attempts=retry.max_attempts, backoff_ms=retry.backoff_seconds * 1000,
        max_backoff_ms=retry.max_backoff_seconds * 1000, heartbeat_ms=function.heartbeat_seconds * 1000,
    )  # fmt: skip


#: In the head, in an item, in S3.
BODIES = (b'{"n":0}', b'{"n":1}', json.dumps({"x": random.Random(1).randbytes(1200).hex()}).encode(),
          json.dumps({"x": random.Random(2).randbytes(6000).hex()}).encode())  # fmt: skip


class Log(io.TextIOBase):
    """The last lines that were logged; shown when an invariant breaks."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=30)

    def write(self, text: str) -> int:
        self.lines.append(text)
        return len(text)


@dataclass
class FakeLambda:
    """`Invoker` for one actor: what AWS answers is drawn, and taken events wait in the queue."""

    events: list[Event]
    clock: Clock
    plan: Plan
    answer: str = "taken"

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        fault = self.plan.next()
        if fault == "crash before":
            self.plan.die()
        if self.answer in ("taken", "taken, answer lost"):
            self.events.append(Event(target.removeprefix("s-"), payload, self.clock()))
        if fault == "crash after":
            self.plan.die()
        match self.answer:
            case "refused":
                return Rejected("TargetNotFound", "no such function")
            case "throttled":
                return Unavailable("TooManyRequestsException", known=True)
            case "taken, answer lost" | "answer lost":
                return Unavailable("ReadTimeoutError", known=False)
        return Fired()  # "lost": AWS said yes and dropped it


ANSWERS = ("taken", "taken", "taken", "lost", "refused", "throttled", "taken, answer lost", "answer lost")

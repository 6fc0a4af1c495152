"""Lambda, simulated: events that are delivered late, twice or never, and attempts that live until told to end.

An attempt is the real code in two halves, so that anything may happen in between: `tracked.claim_run` when its event
is delivered, `Attempt.settle` when it ends. One that was killed, or overran, may still come back: a zombie.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from invoke_once.handler.attempt import Attempt
from invoke_once.handler.envelope import envelope_of
from tests.machine.history import Actor

BEAT_MS = 6_000  #: the heartbeat of the function `beating`
MAX_DELIVERIES = 3  #: of one event
MAX_EVENT_AGE_MS = 6 * 3_600_000  #: Lambda's, and the template's


@dataclass(eq=False)
class Event:
    """One asynchronous invocation in Lambda's queue."""

    function: str
    payload: bytes
    fired_ms: int
    deliveries: int = 0

    @property
    def body(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.payload)
        return loaded


@dataclass(eq=False)
class Worker:
    """One invocation of a target that is at work on a run."""

    run_id: str
    generation: str
    attempt_no: int
    lease_id: str
    event: Event
    actor: Actor
    killed_at_ms: int  #: when Lambda ends it
    wrapped: bool
    attempt: Attempt | None = None
    direct: bool = False  #: its caller waits for it: it ends when the call does
    done: bool = False
    dead: bool = False
    lease_ends_ms: int = 0  #: without the grace, in real time; with a heartbeat it moves
    told: dict[str, Any] | None = field(default=None)  #: an unwrapped one's outcome, as Lambda would report it

    def live(self, now_ms: int) -> bool:
        """Its body may be running, and rightly. (Nothing keeps Lambda from starting an unwrapped one twice.)"""
        return self.wrapped and not self.done and not self.dead and now_ms < min(self.killed_at_ms, self.lease_ends_ms)

    def beats(self, now_ms: int) -> None:
        """Its claim, or a heartbeat, was written: it may go on for so long."""
        self.lease_ends_ms = now_ms + BEAT_MS if self.event.function == "beating" else self.killed_at_ms


def unwrapped(event: Event, killed_at_ms: int) -> Worker:
    """A function that knows nothing of runs: the event itself says whom it works for."""
    meta = envelope_of(event.body)
    assert meta is not None and meta.attempt is not None and meta.lease_id is not None
    return Worker(meta.run_id, meta.generation, meta.attempt, meta.lease_id, event, Actor("unwrapped"), killed_at_ms,
                  wrapped=False, lease_ends_ms=killed_at_ms)  # fmt: skip

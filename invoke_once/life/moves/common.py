"""What several moves share."""

from __future__ import annotations

import base64
import secrets
from typing import Any, NamedTuple

from invoke_once.life.conditions import any_of, differs, equals, missing
from invoke_once.life.head import Head
from invoke_once.life.move import Arm
from invoke_once.life.status import Status

WAITING = (Status.SCHEDULED, Status.QUEUED)
DAY_S = 86_400
#: The arm that refuses a way back to the queue; whoever meets it ends the run cancelled instead.
NOT_CANCELLED = "nobody asked to cancel"
#: The arm that refuses a redrive counted from an old state; it is tried again with the state it carries.
AS_SEEN = "as it was seen"
#: A checkpoint.
STATE_FIELDS = ("state", "state_ref", "state_size", "state_seq", "state_lease", "state_at", "state_leg")


#: The `not_before` of a run that waits at a gate: no event, however late, may claim it.
HELD_MS = 9_999_999_999_999
#: What a run has of gates, and leaves when it ends: its slots are then free.
GATED = ("hold", "slot", "slot_at", "wait_shard", "body_until")


def new_token() -> str:
    """13 characters, 64 random bits: a lease, a generation, a settling write."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()


def look_by(at_ms: int, queue_until: int) -> int:
    """When to look at a fired run again: not later than its queue timeout."""
    return min(at_ms, queue_until + 1)


def same_generation(head: Head) -> Arm:
    return Arm("same generation", equals("generation", head.generation))


def back_in_queue(head: Head, not_before: int) -> dict[str, Any]:
    return {
        "status": Status.QUEUED,
        "not_before": not_before,
        "due_at": not_before,
        "queue_until": not_before + head.queue_ms,
        "expires_at": (not_before + head.queue_ms) // 1000 + DAY_S + head.retention_s,
    }


class Held(NamedTuple):
    """A run waits at a gate: `shard` of its list, under a new `hold`.

    `looked_after`: the gate itself is looked at as long as anybody waits, so that the run needs no look of its own
    before its queue timeout.
    """

    hold: str
    shard: str
    looked_after: bool


def held_back(held: Held, first_look_ms: int, queue_until: int) -> dict[str, Any]:
    return {
        "hold": held.hold,
        "wait_shard": held.shard,
        "not_before": HELD_MS,
        "dispatches": 0,
        "due_at": queue_until + 1 if held.looked_after else first_look_ms,
    }


def leaves(head: Head) -> tuple[str, ...]:
    """What a move of a running run removes of gates: nothing, where it came through none."""
    return () if head.hold is None else GATED


def leaves_slots(head: Head) -> tuple[str, ...]:
    """The same for one that goes back to the queue. Its hold stays: without a slot, no event may claim it."""
    return tuple(name for name in leaves(head) if name != "hold")


def asked_by(head: Head, by: str | None) -> dict[str, Any]:
    """Who asked to cancel; whoever comes after the first one changes nothing."""
    return {} if by is None or head.cancelled_by is not None else {"cancelled_by": by}


def not_by_it_before(bulk: str | None) -> tuple[Arm, ...]:
    """Of a bulk job, which moves a run once: it has not moved this one yet. Of anybody else: nothing."""
    return () if bulk is None else (Arm("not by this one before", any_of(missing("bulk"), differs("bulk", bulk))),)


def moved_by(bulk: str | None) -> dict[str, Any]:
    """What a bulk job leaves on a run that it moves, so that a later look knows its own doing."""
    return {} if bulk is None else {"bulk": bulk}


def nobody_asked_to_cancel() -> Arm:
    return Arm(NOT_CANCELLED, missing("cancel_requested"))

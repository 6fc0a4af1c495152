"""The moves of a run, one function each: who may make it, from where, with which token.

Every function is pure and returns a `Move` for `Store.apply`. The arms of a guard are named, because a refusal
tells which of them failed. Moves of a callback are in `callback_moves.py`.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoke_once import records
from invoke_once.conditions import (
    AtMost,
    Below,
    BelowField,
    Condition,
    Equals,
    Missing,
    OneOf,
    all_of,
    any_of,
)
from invoke_once.lifecycle import (
    FIRST_LOOK_MS,
    LEASE_GRACE_MS,
    REDRIVABLE,
    Arm,
    Move,
    Status,
    dispatch_wait_ms,
)
from invoke_once.records import Head

WAITING = (Status.SCHEDULED, Status.QUEUED)
FAILED_INDEX = (Status.FAILED, Status.TIMED_OUT, Status.EXPIRED)
DAY_S = 86_400
#: The arm that refuses a way back to the queue; whoever meets it ends the run cancelled instead.
NOT_CANCELLED = "nobody asked to cancel"
#: The arm that refuses a redrive counted from an old state; it is tried again with the state it carries.
AS_SEEN = "as it was seen"


def new_token() -> str:
    """13 characters, 64 random bits: a lease, a generation, a settling write."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is asked to be. `payload` has the head's input fields (see payloads.py)."""

    tenant: str
    function: str
    key: str
    fingerprint: str | None = None
    payload: Mapping[str, Any] | None = None
    mode: str | None = None
    delay_ms: int = 0
    queue_ms: int = 6 * 3_600_000
    retention_s: int = 30 * DAY_S
    max_attempts: int = 1
    backoff_ms: int = 10_000
    max_backoff_ms: int = 600_000
    jitter: bool = True
    on_lost: str = "retry"
    labels: str | None = None
    callback_url: str | None = None

    @property
    def run_id(self) -> str:
        return records.run_id(self.tenant, self.function, self.key)


def _birth(new: NewRun, now_ms: int, generation: str) -> dict[str, Any]:
    begin_ms = now_ms + new.delay_ms
    return {
        "run_id": new.run_id,
        "tenant": new.tenant,
        "function": new.function,
        "key": new.key,
        "fingerprint": new.fingerprint,
        "generation": generation,
        "mode": new.mode,
        "created_at": now_ms,
        "queue_ms": new.queue_ms,
        "queue_until": begin_ms + new.queue_ms,
        "retention_s": new.retention_s,
        "expires_at": (begin_ms + new.queue_ms) // 1000 + DAY_S + new.retention_s,
        "max_attempts": new.max_attempts,
        "backoff_ms": new.backoff_ms,
        "max_backoff_ms": new.max_backoff_ms,
        "jitter": new.jitter,
        "on_lost": new.on_lost,
        "labels": new.labels,
        "callback_url": new.callback_url,
        "tenant_shard": records.tenant_shard(new.tenant, new.run_id),
        "due_shard": records.due_shard(new.run_id),
        **(new.payload or {}),
    }


def _nobody_here(now_ms: int) -> Arm:
    """The id is free: never used, or its run's retention is over (TTL deletes late)."""
    return Arm("id is free", any_of(Missing("run_id"), AtMost("expires_at", now_ms // 1000)))


def start(new: NewRun, now_ms: int) -> Move:
    """A. A client's request becomes a run. Refused: the id has its run already, which the refusal carries."""
    generation = new_token()
    waits = new.delay_ms > 0
    born = _birth(new, now_ms, generation) | {
        "status": Status.SCHEDULED if waits else Status.QUEUED,
        "not_before": now_ms + new.delay_ms if waits else None,
        "dispatches": 0 if waits else 1,
        "due_at": now_ms + new.delay_ms if waits else _look_by(now_ms + FIRST_LOOK_MS, now_ms + new.queue_ms),
    }
    guard = (_nobody_here(now_ms),)
    return Move("A", new.run_id, guard, records.to_item(born), replace=True, mine={"generation": generation})


def _look_by(at_ms: int, queue_until: int) -> int:
    """When to look at a fired run again: not later than its queue timeout."""
    return min(at_ms, queue_until + 1)


def register(new: NewRun, now_ms: int, lease_ms: int, request_id: str) -> Move:
    """B. A direct invocation registers itself: start and first claim in one write, by the attempt itself.

    `request_id` is Lambda's, of this invocation: it ties a death that Lambda reports to the attempt.
    """
    generation, lease_id = new_token(), new_token()
    lease_until = now_ms + lease_ms + LEASE_GRACE_MS
    born = _birth(new, now_ms, generation) | {
        "status": Status.RUNNING,
        "direct": True,
        "request_id": request_id,
        "attempt": 1,
        "lease_id": lease_id,
        "lease_until": lease_until,
        "started_at": now_ms,
        "due_at": lease_until + 1,
    }
    guard = (_nobody_here(now_ms),)
    return Move("B", new.run_id, guard, records.to_item(born), replace=True, mine={"generation": generation})


def release(head: Head, now_ms: int) -> Move:
    """C. The time of a scheduled or backing-off run has come: it may be claimed. By attend, which then fires it."""
    guard = (
        _same_generation(head),
        Arm("still waits", OneOf("status", WAITING)),
        Arm("still held back", Equals("not_before", head.not_before)),
    )
    return Move(
        "C",
        head.run_id,
        guard,
        set={
            "status": Status.QUEUED,
            "due_at": _look_by(now_ms + FIRST_LOOK_MS, now_ms + head.queue_ms),
            "queue_until": now_ms + head.queue_ms,
            "dispatches": 1,
        },
        remove=("not_before",),
    )


def dispatch(head: Head, now_ms: int) -> Move:
    """D. Nobody claimed it in time: count one more dispatch, then fire. By attend; of two, one wins."""
    guard = (
        _same_generation(head),
        Arm("still queued", Equals("status", Status.QUEUED)),
        Arm("nobody dispatched it since", Equals("due_at", head.due_at)),
    )
    due_at = _look_by(now_ms + dispatch_wait_ms(head.dispatches + 1), head.queue_until)
    return Move("D", head.run_id, guard, set={"due_at": due_at}, add={"dispatches": 1})


def _free_to_claim(now_ms: int) -> Condition:
    queued = all_of(Equals("status", Status.QUEUED), any_of(Missing("not_before"), AtMost("not_before", now_ms)))
    abandoned = all_of(
        Equals("status", Status.RUNNING),
        Below("lease_until", now_ms),
        BelowField("attempt", "max_attempts"),
        any_of(Missing("on_lost"), Equals("on_lost", "retry")),
        Missing("cancel_requested"),
    )
    return any_of(queued, abandoned)


def claim(
    run_id: str,
    generation: str,
    now_ms: int,
    lease_ms: int,
    fired_at: int | None = None,
    request_id: str | None = None,
) -> Move:
    """E. An attempt takes the run, and with a new lease fences every attempt before it. By the wrapped handler.

    The lease is what Lambda itself leaves the attempt plus a grace: nothing has to beat to be safe.
    `fired_at` or `request_id` says which invocation has it: one fired by the service, or a direct one.
    Refused: another attempt has it, it ended, or its backoff is not over.
    """
    lease_id = new_token()
    guard = (Arm("same generation", Equals("generation", generation)), Arm("free", _free_to_claim(now_ms)))
    return Move(
        "E",
        run_id,
        guard,
        set={
            "status": Status.RUNNING,
            "lease_id": lease_id,
            "lease_until": now_ms + max(lease_ms, 0) + LEASE_GRACE_MS,
            **_holder(fired_at, request_id),
        },
        set_once={"started_at": now_ms},
        add={"attempt": 1},
        remove=("not_before", "progress", "message", "error"),
        mine={"lease_id": lease_id},
    )


def _holder(fired_at: int | None, request_id: str | None) -> dict[str, Any]:
    if request_id is not None:
        return {"fired_at": 0, "request_id": request_id}
    return {"fired_at": fired_at} if fired_at is not None else {}


def launch(head: Head, now_ms: int, lease_ms: int) -> Move:
    """F. The claim of an unwrapped function, made for it by whoever fires it, before it is fired."""
    move = claim(head.run_id, head.generation, now_ms, lease_ms)
    due = now_ms + max(lease_ms, 0) + LEASE_GRACE_MS + 1
    return Move("F", move.run_id, move.guard, {**move.set, "due_at": due}, move.set_once, move.add, move.remove,
                mine=move.mine)  # fmt: skip


def unlaunch(head: Head, not_before: int) -> Move:
    """U. AWS did not take the event of an unwrapped function: back to the queue. No attempt of the budget is spent.

    Refused if somebody asked to cancel meanwhile: then it ends cancelled.
    """
    guard = (*fence(head).arms, _nobody_asked_to_cancel())
    spare = {"max_attempts": 1, "extra_attempts": 1}  # of this life's budget, and not of the next one's
    return Move("U", head.run_id, guard, _back_in_queue(head, not_before), add=spare)


@dataclass(frozen=True, slots=True)
class Fence:
    """What makes a worker's write its own: the attempt's number and its random lease, while the run is running."""

    run_id: str
    attempt: int
    lease_id: str

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (
            Arm("still running", Equals("status", Status.RUNNING)),
            Arm("my attempt", Equals("attempt", self.attempt)),
            Arm("my lease", Equals("lease_id", self.lease_id)),
        )


def fence(head: Head) -> Fence:
    return Fence(head.run_id, head.attempt, head.lease_id or "")


def progress(mine: Fence, *, fraction: float | None, message: str | None, lease_until: int | None = None) -> Move:
    """G. The attempt tells how far it is, or that it lives (`lease_until`, with a heartbeat)."""
    told = {"progress": fraction, "message": message, "lease_until": lease_until}
    return Move("G", mine.run_id, mine.arms, {k: v for k, v in told.items() if v is not None})


def _end(head: Head, status: Status, now_ms: int, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What every move to an end writes: (set, remove). With a callback, outcome and intent to tell are one write."""
    sets: dict[str, Any] = {
        "status": status,
        "finished_at": now_ms,
        "expires_at": max(now_ms // 1000 + head.retention_s, now_ms // 1000 + 60),
        **fields,
    }
    removes = ["not_before", "due_at", "due_shard"]
    if status in FAILED_INDEX:
        sets["failed_shard"] = records.tenant_shard(head.tenant, head.run_id)
    if head.callback_url is not None:
        sets |= {"cb_status": "pending", "cb_due": now_ms}
        removes = ["not_before"]
        if not _looked_at_soon(head, now_ms):
            sets |= {"due_at": now_ms, "due_shard": records.due_shard(head.run_id)}
    if "error" not in fields:
        removes.append("error")
    return sets, removes


def _looked_at_soon(head: Head, now_ms: int) -> bool:
    """The sweep has not moved `due_at` since `head` was read, and comes by it within its first look."""
    return head.due_at is not None and now_ms < head.due_at <= now_ms + FIRST_LOOK_MS


def finish(mine: Fence, head: Head, status: Status, now_ms: int, fields: Mapping[str, Any], token: str) -> Move:
    """H. The attempt that holds the lease records the outcome. Whatever the clock says: the fence decides, not time.

    `fields` has the output's or the error's fields. `token` is kept over tries of this same write.
    """
    sets, removes = _end(head, status, now_ms, fields)
    return Move("H", mine.run_id, mine.arms, sets | {"settled_by": token}, remove=tuple(removes),
                mine={"settled_by": token}, known=head.item())  # fmt: skip


def requeue(mine: Fence, head: Head, not_before: int, error: bytes, token: str) -> Move:
    """I. The attempt failed and a retry is left. Refused if somebody asked to cancel: then it ends cancelled."""
    guard = (*mine.arms, _nobody_asked_to_cancel())
    return Move("I", mine.run_id, guard, _back_in_queue(head, not_before) | {"error": error, "settled_by": token},
                remove=("progress", "message"), mine={"settled_by": token})  # fmt: skip


def _nobody_asked_to_cancel() -> Arm:
    return Arm(NOT_CANCELLED, Missing("cancel_requested"))


def _back_in_queue(head: Head, not_before: int) -> dict[str, Any]:
    return {
        "status": Status.QUEUED,
        "not_before": not_before,
        "due_at": not_before,
        "queue_until": not_before + head.queue_ms,
        "expires_at": (not_before + head.queue_ms) // 1000 + DAY_S + head.retention_s,
    }


def _lease_is_over(head: Head, now_ms: int) -> tuple[Arm, ...]:
    """The attempt seen is still the one, and its lease is over now too: a heartbeat since then wins."""
    return (*fence(head).arms, Arm("lease over", Below("lease_until", now_ms)))


def lose(head: Head, now_ms: int, not_before: int | None, fields: Mapping[str, Any], *, seen_dead: bool) -> Move:
    """J. The attempt vanished: its lease is over, or Lambda reported its death (`seen_dead`).

    With `not_before` the run goes back to the queue, else it ends with `fields` (an error, or cancelled).
    By attend, or by record.
    """
    guard = fence(head).arms if seen_dead else _lease_is_over(head, now_ms)
    if not_before is not None:
        guard = (*guard, _nobody_asked_to_cancel())
        sets = _back_in_queue(head, not_before) | dict(fields)
        return Move("J", head.run_id, guard, sets, remove=("progress", "message"))
    sets, removes = _end(head, fields.get("status", Status.FAILED), now_ms, fields)
    return Move("J", head.run_id, guard, sets, remove=tuple(removes))


def reject(head: Head, now_ms: int, error: bytes) -> Move:
    """K. AWS refuses to start it for good (no such function, access denied, too large). By whoever fired it."""
    guard = (_same_generation(head), Arm("not claimed", OneOf("status", WAITING)))
    sets, removes = _end(head, Status.FAILED, now_ms, {"error": error})
    return Move("K", head.run_id, guard, sets, remove=tuple(removes))


def expire(head: Head, now_ms: int, error: bytes) -> Move:
    """L. Nobody claimed it within its queue timeout: it never ran, so it is safe to send again."""
    guard = (
        _same_generation(head),
        Arm("not claimed", OneOf("status", WAITING)),
        Arm("queue timeout over", Below("queue_until", now_ms)),
    )
    sets, removes = _end(head, Status.EXPIRED, now_ms, {"error": error})
    return Move("L", head.run_id, guard, sets, remove=tuple(removes))


def cancel(head: Head, now_ms: int) -> Move:
    """M. A run that nobody has claimed ends cancelled at once. By a person."""
    guard = (_same_generation(head), Arm("not claimed", OneOf("status", WAITING)))
    sets, removes = _end(head, Status.CANCELLED, now_ms, {})
    mine = {"status": Status.CANCELLED, "finished_at": now_ms}  # or another person's of the same millisecond
    return Move("M", head.run_id, guard, sets, remove=tuple(removes), mine=mine)


def request_cancel(head: Head) -> Move:
    """N. A running attempt is asked to stop; it sees the flag at its next progress or check. By a person."""
    guard = (_same_generation(head), Arm("running", Equals("status", Status.RUNNING)))
    return Move("N", head.run_id, guard, {"cancel_requested": True})


def redrive(head: Head, now_ms: int) -> Move:
    """O. A person sends an ended run again: a new generation, the attempt counter goes on, `max_attempts` more.

    Refused: it succeeded, it is live, somebody redrove it first, or an attempt was made since `head` was read.
    """
    generation = new_token()
    guard = (
        _same_generation(head),
        Arm("ended without success", OneOf("status", tuple(sorted(REDRIVABLE)))),
        Arm(AS_SEEN, Equals("attempt", head.attempt) if head.attempt else Missing("attempt")),
    )
    budget = max(head.max_attempts - head.extra_attempts, 1)
    sets = {
        "status": Status.QUEUED,
        "generation": generation,
        "max_attempts": head.attempt + budget,
        "extra_attempts": head.attempt,
        "dispatches": 1,
        "queue_until": now_ms + head.queue_ms,
        "expires_at": (now_ms + head.queue_ms) // 1000 + DAY_S + head.retention_s,
        "due_at": _look_by(now_ms + FIRST_LOOK_MS, now_ms + head.queue_ms),
        "due_shard": records.due_shard(head.run_id),
    }
    removes = ("not_before", "finished_at", "started_at", "cancel_requested", "progress", "message", "failed_shard",
               "output", "output_ref", "output_size", "output_sha", "error", "settled_by",
               "cb_status", "cb_attempt", "cb_base", "cb_due", "cb_last")  # fmt: skip
    return Move("O", head.run_id, guard, sets, remove=removes, mine={"generation": generation})


def rearm(head: Head, at_ms: int | None) -> Move:
    """P. Nothing to do now: look again at `at_ms`, or (None) never. By attend."""
    guard = (
        _same_generation(head),
        Arm("as it was seen", Equals("status", head.status)),
        Arm("nobody moved it", Equals("due_at", head.due_at)),
    )
    if at_ms is not None:
        return Move("P", head.run_id, guard, {"due_at": at_ms})
    return Move("P", head.run_id, guard, {}, remove=("due_at", "due_shard"))


def _same_generation(head: Head) -> Arm:
    return Arm("same generation", Equals("generation", head.generation))

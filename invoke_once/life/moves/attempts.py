"""What attempts may do: claim and be launched, tell how far they are, go back to the queue (E, F, G, I, U)."""

from __future__ import annotations

from typing import Any, NamedTuple

from invoke_once.life.conditions import Condition, all_of, any_of, at_most, below, below_field, equals, missing
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Arm, Move
from invoke_once.life.moves.common import (
    HELD_MS,
    back_in_queue,
    leaves_slots,
    look_by,
    new_token,
    nobody_asked_to_cancel,
)
from invoke_once.life.status import Status

_STILL_RUNNING = Arm("still running", equals("status", Status.RUNNING))


class Fence(NamedTuple):
    """What makes a worker's write its own: the attempt's number and its random lease, while the run is running."""

    run_id: str
    attempt: int
    lease_id: str

    @property
    def arms(self) -> tuple[Arm, ...]:
        return (
            _STILL_RUNNING,
            Arm("my attempt", equals("attempt", self.attempt)),
            Arm("my lease", equals("lease_id", self.lease_id)),
        )


def fence(head: Head) -> Fence:
    return Fence(head.run_id, head.attempt, head.lease_id or "")


_QUEUED = equals("status", Status.QUEUED)
_NO_BACKOFF = missing("not_before")
#: An event that comes late must not take a run past its limit: one that was held has a slot first.
_MAY_PASS = any_of(missing("hold"), at_most("slot_at", HELD_MS))
_MAY_RUN_AGAIN = all_of(
    equals("status", Status.RUNNING),
    below_field("attempt", "max_attempts"),
    any_of(missing("on_lost"), equals("on_lost", "retry")),
    missing("cancel_requested"),
    missing("slot"),  # its body may live: under a limit the run goes through the queue first
)


def _free_to_claim(now_ms: int) -> Condition:
    queued = all_of(_QUEUED, any_of(_NO_BACKOFF, at_most("not_before", now_ms)), _MAY_PASS)
    return any_of(queued, all_of(_MAY_RUN_AGAIN, below("lease_until", now_ms)))


def claim(
    run_id: str,
    generation: str,
    now_ms: int,
    lease_ms: int,
    fired_at: int | None = None,
    request_id: str | None = None,
    *,
    leg: int | None = None,
    left_ms: int | None = None,
) -> Move:
    """E. An attempt takes the run, and with a new lease fences every attempt before it. By the wrapped handler.

    The lease is what Lambda itself leaves the attempt plus a grace: nothing has to beat to be safe.
    `left_ms` is what Lambda leaves the attempt, where a heartbeat makes the lease shorter.
    `fired_at` or `request_id` says which invocation has it: one fired by the service, or a direct one.
    `leg`: its event was for that leg of an attempt, which keeps its progress; a long one also says itself when
    to look again, at the price of a look that would have to say it.
    Refused: another attempt has it, it ended, its backoff is not over, or it waits for another leg's event.
    """
    lease_id, until = new_token(), now_ms + max(lease_ms, 0) + LEASE_GRACE_MS
    told = () if leg is not None else ("progress", "message")
    guard = (
        Arm("same generation", equals("generation", generation)),
        Arm("free", _free_to_claim(now_ms)),
        _leg_of(leg),
    )
    return Move(
        "E",
        run_id,
        guard,
        set={
            "status": Status.RUNNING,
            "lease_id": lease_id,
            "lease_until": until,
            "attempt_started_at": now_ms,
            **_holder(fired_at, request_id),
            **({"due_at": until + 1} if leg is not None and lease_ms > FIRST_LOOK_MS else {}),
            **({"body_until": now_ms + left_ms + LEASE_GRACE_MS} if left_ms and left_ms > lease_ms else {}),
        },
        set_once={"started_at": now_ms, "claim_token": new_token()},
        add={"attempt": 1},
        remove=("not_before", *told, "error", "between_legs"),
        mine={"lease_id": lease_id},
    )


def _leg_of(leg: int | None) -> Arm:
    """Between legs, only the next one's own event begins it: a late copy of an earlier one begins nothing."""
    at_rest = missing("between_legs")
    return Arm("its leg", at_rest if leg is None else any_of(at_rest, equals("leg", leg)))


def _holder(fired_at: int | None, request_id: str | None) -> dict[str, Any]:
    if request_id is not None:
        return {"fired_at": 0, "request_id": request_id}
    return {"fired_at": fired_at} if fired_at is not None else {}


def launch(head: Head, now_ms: int, lease_ms: int) -> Move:
    """F. The claim of an unwrapped function, made for it by whoever fires it, before it is fired."""
    move = claim(head.run_id, head.generation, now_ms, lease_ms, leg=head.leg if head.between_legs else None)
    due = now_ms + max(lease_ms, 0) + LEASE_GRACE_MS + 1
    once = {"started_at": now_ms}  # it prints no line that would have to prove itself
    return Move("F", move.run_id, move.guard, {**move.set, "due_at": due}, once, move.add, move.remove,
                mine=move.mine)  # fmt: skip


def give_back(head: Head, not_before: int, error: bytes | None = None) -> Move:
    """U. Claimed, and its body certainly not started: back to the queue, and no attempt of the budget is spent.

    AWS did not take the event of an unwrapped function, or a wrapped one never heard the answer to its claim.
    The queue's clock goes on as if nothing had been claimed. `error` says why it was not started.
    Refused if somebody asked to cancel meanwhile: then it ends cancelled.
    """
    guard = (*fence(head).arms, nobody_asked_to_cancel())
    spare = {"max_attempts": 1, "extra_attempts": 1}  # of this life's budget, and not of the next one's
    again_ms = look_by(not_before, head.queue_until)
    sets: dict[str, Any] = {"status": Status.QUEUED, "not_before": again_ms, "due_at": again_ms}
    if error is not None:
        sets["error"] = error
    first = head.started_at is not None and head.started_at == head.attempt_started_at
    began = ("attempt_started_at", "started_at") if first else ("attempt_started_at",)
    return Move("U", head.run_id, guard, sets, add=spare, remove=(*began, *leaves_slots(head)))


def progress(mine: Fence, *, fraction: float | None, message: str | None, lease_until: int | None = None) -> Move:
    """G. The attempt tells how far it is, or that it lives (`lease_until`, with a heartbeat)."""
    changes = {"progress": fraction, "message": message, "lease_until": lease_until}
    return Move("G", mine.run_id, mine.arms, {k: v for k, v in changes.items() if v is not None})


def requeue(mine: Fence, head: Head, not_before: int, error: bytes, token: str, slot_until: int | None = None) -> Move:
    """I. The attempt failed and a retry is left. Refused if somebody asked to cancel: then it ends cancelled.

    `slot_until`: its body may live so long.
    """
    guard = (*mine.arms, nobody_asked_to_cancel())
    sets = back_in_queue(head, not_before) | {"error": error, "settled_by": token}
    if slot_until is not None:
        sets["slot_until"] = slot_until
    return Move(
        "I", mine.run_id, guard, sets, remove=("progress", "message", *leaves_slots(head)), mine={"settled_by": token}
    )

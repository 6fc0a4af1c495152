"""What keeps a run going from outside: release, dispatch, cancel requests, redrives, looks (C, D, N, O, P)."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_once.life import keys
from invoke_once.life.conditions import equals, missing, one_of
from invoke_once.life.due import FIRST_LOOK_MS, dispatch_wait_ms, queue_clock_runs
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.common import (
    AS_SEEN,
    DAY_S,
    GATED,
    STATE_FIELDS,
    WAITING,
    Held,
    asked_by,
    held_back,
    look_by,
    moved_by,
    new_token,
    not_by_it_before,
    same_generation,
)
from invoke_once.life.status import REDRIVABLE, Status


def release(head: Head, now_ms: int, paused_ms: int | None = None) -> Move:
    """C. The time of a scheduled or backing-off run has come: it may be claimed. By attend, which then fires it.

    The queue timeout begins now, where it is not running already (U).
    """
    guard = (
        same_generation(head),
        Arm("still waits", one_of("status", WAITING)),
        Arm("still held back", equals("not_before", head.not_before)),
    )
    queue_until = head.queue_until if queue_clock_runs(head) else now_ms + head.queue_ms
    due_at = look_by(now_ms + FIRST_LOOK_MS, queue_until)
    if head.due_at is not None and now_ms < head.due_at <= due_at:
        due_at = head.due_at  # of a leg: an index entry that stays costs nothing
    clock = {"paused_ms": paused_ms} if paused_ms and not queue_clock_runs(head) else {}
    return Move(
        "C",
        head.run_id,
        guard,
        set={
            "status": Status.QUEUED,
            "due_at": due_at,
            "queue_until": queue_until,
            "dispatches": 1,
            **clock,
        },
        remove=("not_before", *_passes(head)),
    )


def dispatch(head: Head, now_ms: int) -> Move:
    """D. Nobody claimed it in time: count one more dispatch, then fire. By attend; of two, one wins."""
    guard = (
        same_generation(head),
        Arm("still queued", equals("status", Status.QUEUED)),
        Arm("nobody dispatched it since", equals("due_at", head.due_at)),
    )
    due_at = look_by(now_ms + dispatch_wait_ms(head.dispatches + 1), head.queue_until)
    return Move("D", head.run_id, guard, set={"due_at": due_at}, add={"dispatches": 1},
                remove=_passes(head))  # fmt: skip


def _passes(head: Head) -> tuple[str, ...]:
    """A run that is fired and has no slot needs none: whatever held it once is no more."""
    return ("hold",) if head.hold is not None and head.slot is None else ()


def note(head: Head, error: bytes) -> Move:
    """V. Why a queued run has not been started yet, as AWS or Lambda has just told. By whoever fired it, or record."""
    guard = (same_generation(head), Arm("still queued", equals("status", Status.QUEUED)))
    return Move("V", head.run_id, guard, {"error": error})


def request_cancel(head: Head, by: str | None = None, bulk: str | None = None) -> Move:
    """N. A running attempt is asked to stop; it sees the flag at its next progress or check. By whom: as M."""
    guard = (same_generation(head), Arm("running", equals("status", Status.RUNNING)), *not_by_it_before(bulk))
    return Move("N", head.run_id, guard, {"cancel_requested": True} | asked_by(head, by) | moved_by(bulk))


def redrive(
    head: Head,
    now_ms: int,
    *,
    from_start: bool = False,
    held: Held | None = None,
    bulk: str | None = None,
    paused_ms: int | None = None,
) -> Move:
    """O. A person sends an ended run again: a new generation, the attempt counter goes on, `max_attempts` more.

    It begins with its newest checkpoint, if it has one, or (`from_start`) without. A leg that never began is no leg.
    `held`: a gate holds it back. `bulk`: the job that does it, which sends a run again once.
    Refused: it succeeded, it is live, somebody redrove it first, or an attempt was made since `head` was read.
    """
    generation, until_ms = new_token(), now_ms + head.queue_ms
    guard: tuple[Arm, ...] = (
        same_generation(head),
        Arm("ended without success", one_of("status", tuple(sorted(REDRIVABLE)))),
        Arm(AS_SEEN, equals("attempt", head.attempt) if head.attempt else missing("attempt")),
        *not_by_it_before(bulk),
    )
    budget = max(head.max_attempts - head.extra_attempts, 1)
    sets = {
        "status": Status.QUEUED,
        "generation": generation,
        "max_attempts": head.attempt + budget,
        "extra_attempts": head.attempt,
        "dispatches": 1,
        "queue_until": until_ms,
        "expires_at": until_ms // 1000 + DAY_S + head.retention_s,
        "due_at": look_by(now_ms + FIRST_LOOK_MS, until_ms),
        "due_shard": keys.due_shard(head.run_id),
    }
    if head.legs:
        sets["legs"] = head.attempt - head.attempt_number
    if held is not None:
        sets |= held_back(held, look_by(now_ms + FIRST_LOOK_MS, until_ms), until_ms)
    sets |= moved_by(bulk) | ({"paused_ms": paused_ms} if paused_ms else {})
    removes = ("not_before", "finished_at", "started_at", "attempt_started_at", "cancel_requested", "cancelled_by",
               "progress", "message", "failed_shard", "output", "output_ref", "output_size", "output_sha", "error",
               "settled_by", "cb_status", "cb_attempt", "cb_base", "cb_due", "cb_last", "leg", "between_legs", *GATED,
               *(STATE_FIELDS if from_start else ()))  # fmt: skip
    return Move(
        "O",
        head.run_id,
        guard,
        sets,
        remove=tuple(name for name in removes if name not in sets),
        mine={"generation": generation},
    )


def rearm(head: Head, at_ms: int | None, clock: Mapping[str, int] | None = None) -> Move:
    """P. Nothing to do now: look again at `at_ms`, or (None) never. By attend.

    `clock`: its function was paused, and what that has moved of its queue timeout.
    """
    guard = (
        same_generation(head),
        Arm("as it was seen", equals("status", head.status)),
        Arm("nobody moved it", equals("due_at", head.due_at)),
    )
    if at_ms is not None:
        return Move("P", head.run_id, guard, {"due_at": at_ms, **(clock or {})}, part=head.part)
    return Move("P", head.run_id, guard, {}, remove=("due_at", "due_shard"), part=head.part)

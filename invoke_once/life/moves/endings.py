"""How a run ends: by its attempt, without it, or before it had any (H, J, K, L, M)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_once.life import keys
from invoke_once.life.conditions import below, one_of
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.attempts import Fence, fence
from invoke_once.life.moves.common import (
    GATED,
    WAITING,
    asked_by,
    back_in_queue,
    leaves,
    leaves_slots,
    moved_by,
    nobody_asked_to_cancel,
    not_by_it_before,
    same_generation,
)
from invoke_once.life.status import Status

FAILED_INDEX = (Status.FAILED, Status.TIMED_OUT, Status.EXPIRED)


def _end(
    head: Head, status: Status, now_ms: int, fields: Mapping[str, Any], left: tuple[str, ...] = GATED
) -> tuple[dict[str, Any], list[str]]:
    """What every move to an end writes: (set, remove). With a callback, outcome and intent to tell are one write.

    `left`: of gates; a run that was not claimed may have come to one since `head` was read.
    """
    sets: dict[str, Any] = {
        "status": status,
        "finished_at": now_ms,
        "expires_at": max(now_ms // 1000 + head.retention_s, now_ms // 1000 + 60),
        **fields,
    }
    removes = ["not_before", "due_at", "due_shard", *left]
    if status in FAILED_INDEX:
        sets["failed_shard"] = keys.tenant_shard(head.tenant, head.run_id)
    if head.callback_url is not None:
        sets |= {"cb_status": "pending", "cb_due": now_ms}
        removes = ["not_before", *left]
        if not _looked_at_soon(head, now_ms):
            sets |= {"due_at": now_ms, "due_shard": keys.due_shard(head.run_id)}
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
    sets, removes = _end(head, status, now_ms, fields, leaves(head))
    return Move("H", mine.run_id, mine.arms, sets | {"settled_by": token}, remove=tuple(removes),
                mine={"settled_by": token}, known=head.item())  # fmt: skip


def gone(head: Head, now_ms: int, *, seen_dead: bool) -> tuple[Arm, ...]:
    """The attempt seen is still the one, and is dead, or its lease is over now too: a heartbeat since then wins."""
    mine = fence(head).arms
    return mine if seen_dead else (*mine, Arm("lease over", below("lease_until", now_ms)))


def lose(head: Head, now_ms: int, not_before: int | None, fields: Mapping[str, Any], *, seen_dead: bool) -> Move:
    """J. The attempt vanished: its lease is over, or Lambda reported its death (`seen_dead`).

    With `not_before` the run goes back to the queue, else it ends with `fields` (an error, or cancelled).
    By attend, or by record.
    """
    guard = gone(head, now_ms, seen_dead=seen_dead)
    if not_before is not None:
        guard = (*guard, nobody_asked_to_cancel())
        sets = back_in_queue(head, not_before) | dict(fields)
        return Move("J", head.run_id, guard, sets, remove=("progress", "message", *leaves_slots(head)))
    sets, removes = _end(head, fields.get("status", Status.FAILED), now_ms, fields, leaves(head))
    return Move("J", head.run_id, guard, sets, remove=tuple(removes))


def reject(head: Head, now_ms: int, error: bytes) -> Move:
    """K. AWS refuses to start it for good (no such function, access denied, too large). By whoever fired it."""
    guard = (same_generation(head), Arm("not claimed", one_of("status", WAITING)))
    sets, removes = _end(head, Status.FAILED, now_ms, {"error": error})
    return Move("K", head.run_id, guard, sets, remove=tuple(removes))


def expire(head: Head, now_ms: int, error: bytes) -> Move:
    """L. Nobody claimed it, or its next leg, within its queue timeout."""
    guard = (
        same_generation(head),
        Arm("not claimed", one_of("status", WAITING)),
        Arm("queue timeout over", below("queue_until", now_ms)),
    )
    sets, removes = _end(head, Status.EXPIRED, now_ms, {"error": error})
    return Move("L", head.run_id, guard, sets, remove=tuple(removes))


def cancel(head: Head, now_ms: int, by: str | None = None, bulk: str | None = None) -> Move:
    """M. A run that nobody has claimed ends cancelled at once. By a person, whose token is `by`, or for a bulk job."""
    guard = (same_generation(head), Arm("not claimed", one_of("status", WAITING)), *not_by_it_before(bulk))
    sets, removes = _end(head, Status.CANCELLED, now_ms, asked_by(head, by) | moved_by(bulk))
    # or another person's of the same millisecond
    mine = {"status": Status.CANCELLED, "finished_at": now_ms} | moved_by(bulk)
    return Move("M", head.run_id, guard, sets, remove=tuple(removes), mine=mine)

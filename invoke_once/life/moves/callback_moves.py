"""The moves of a callback: one try at a time, each logged before it is sent.

A try is two writes. `begin_delivery` puts the try's own item, which is its claim: of two senders one wins, and a
sender that died leaves a claim that lapses. `end_delivery` puts the result on the head. The result of try n is kept
for good by the item of try n+1 (`previous`), so that a delivered callback costs no third write.
"""

from __future__ import annotations

from typing import Any

from invoke_once.life import keys
from invoke_once.life.conditions import any_of, at_most, equals, missing, one_of
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves import DAY_S, new_token
from invoke_once.life.moves.common import moved_by, not_by_it_before
from invoke_once.life.status import TERMINAL

#: A try that has not ended by then is taken for dead: twice the sender's own total deadline of 15 s.
DELIVERY_LEASE_MS = 30_000
#: A row of the log outlives the schedule (some three days, and the head a day more), whatever the run's retention is.
KEPT_DAYS = 5


def webhook_id(head: Head) -> str:
    """The same for every try of one outcome, another for a redriven run or a reused key. No dot, as the spec asks."""
    return f"msg_{head.run_id.removeprefix('run_')}_{head.generation}"


def delivery_part(generation: str, attempt: int) -> str:
    return f"delivery#{generation}#{attempt:04d}"


def begin_delivery(head: Head, now_ms: int) -> Move:
    """Q. Claim the next try of the callback. Refused: another sender is on it (it has `DELIVERY_LEASE_MS`)."""
    attempt, token = head.cb_attempt + 1, new_token()
    item: dict[str, Any] = {
        "run_id": head.run_id,
        "part": delivery_part(head.generation, attempt),
        "token": token,
        "delivery_attempt": attempt,
        "at": now_ms,
        "expires_at": max(head.expires_at, now_ms // 1000 + KEPT_DAYS * DAY_S),
        "previous": head.cb_last,
    }
    lapsed = any_of(missing("run_id"), at_most("at", now_ms - DELIVERY_LEASE_MS))
    return Move(
        "Q",
        head.run_id,
        (Arm("nobody is sending it", lapsed),),
        {k: v for k, v in item.items() if v is not None},
        part=item["part"],
        replace=True,
        mine={"token": token},
    )


def end_delivery(head: Head, status: str, next_at: int | None, last: str) -> Move:
    """R. How the try went: `status` is pending (with `next_at`), delivered or failed. By the try's own sender.

    Refused: the same try was already told, somebody asked to send again, or the run was redriven.
    """
    sets: dict[str, Any] = {"cb_status": status, "cb_last": last, "cb_attempt": head.cb_attempt + 1}
    guard = (*_seen(head), Arm("this try", _tries(head)))
    if next_at is not None:
        return Move("R", head.run_id, guard, sets | _due(head, next_at), part=head.part)
    return Move("R", head.run_id, guard, sets, remove=("cb_due", "due_at", "due_shard"), part=head.part)


def send_again(head: Head, now_ms: int, bulk: str | None = None) -> Move:
    """S. A person wants the callback sent again, delivered or not. The webhook-id stays, the schedule starts over.

    `bulk`: the job that does it.
    """
    guard = (
        Arm("same generation", equals("generation", head.generation)),
        Arm("ended", one_of("status", tuple(sorted(TERMINAL)))),
        Arm("as it was seen", _tries(head)),
        *not_by_it_before(bulk),
    )
    sets = {"cb_status": "pending", "cb_base": head.cb_attempt} | _due(head, now_ms) | moved_by(bulk)
    return Move("S", head.run_id, guard, sets, part=head.part)


def postpone(head: Head, at_ms: int) -> Move:
    """T. The receiver's host is failing: this callback is tried at `at_ms` instead. No try is counted."""
    return Move("T", head.run_id, _seen(head), _due(head, at_ms), part=head.part)


def _seen(head: Head) -> tuple[Arm, ...]:
    return (
        Arm("same generation", equals("generation", head.generation)),
        Arm("callback pending", equals("cb_status", "pending")),
        Arm("nobody rescheduled it", equals("cb_due", head.cb_due)),
    )


def _tries(head: Head) -> Any:
    return equals("cb_attempt", head.cb_attempt) if head.cb_attempt else missing("cb_attempt")


def _due(head: Head, at_ms: int) -> dict[str, Any]:
    """When it is tried next. A run outlives its next try: the schedule takes days, a retention may be one."""
    expires_at = max(head.expires_at, at_ms // 1000 + DAY_S)
    return {"cb_due": at_ms, "due_at": at_ms, "due_shard": keys.due_shard(head.run_id), "expires_at": expires_at}

"""What is due for a run, and when: what `attend` has to do now, the next look, the next dispatch, the next attempt."""

from __future__ import annotations

from enum import StrEnum

from invoke_once.life.head import Head
from invoke_once.life.status import Status

#: A dispatched run that nobody has claimed is fired again after this; then 1, 2, 4 … 30 min.
FIRST_LOOK_MS = 60_000
#: A run of a batch waits for its turn among many: it is looked at later, so that it rarely costs a look.
BATCH_LOOK_MS = 5 * 60_000
LAST_LOOK_MS = 30 * 60_000


class Due(StrEnum):
    """What `attend` has to do for a run now."""

    NOTHING = "nothing"
    RELEASE = "release"  #: its time has come: queue and fire it
    DISPATCH = "dispatch"  #: nobody claimed it: fire it again
    ASK = "ask"  #: it waits at a gate: see whether it may go on
    EXPIRE = "expire"
    LOSE = "lose"  #: the lease is over: retry or give up
    DELIVER = "deliver"  #: a callback is to be tried
    REARM = "rearm"  #: look again later
    DISARM = "disarm"  #: nothing can be needed any more


def is_due(head: Head, now_ms: int) -> Due:
    """What to do for `head` at `now_ms`. The one place that decides; every write repeats its reason as a guard."""
    if head.terminal:
        return _callback_due(head, now_ms)
    if head.status == Status.RUNNING:
        if head.lease_until < now_ms:
            return Due.LOSE
        return Due.REARM if _overdue(head, now_ms) else Due.NOTHING
    if head.queue_until < now_ms and queue_clock_runs(head):
        return Due.EXPIRE
    if head.wait_shard is not None:
        return Due.ASK if _overdue(head, now_ms) else Due.NOTHING
    if head.not_before is not None:
        return Due.RELEASE if head.not_before <= now_ms else Due.NOTHING
    return Due.DISPATCH if _overdue(head, now_ms) or _unclaimed(head, now_ms) else Due.NOTHING


def queue_clock_runs(head: Head) -> bool:
    """Whether its queue timeout is being used up: from when it may first be fired after a start or an attempt.

    At a gate it is. Held back by a delay or a backoff, its clock begins when that is over, whoever comes by late. Given
    back (U), it goes on: an event that AWS refuses again and again must end one day.
    """
    if head.not_before is None or head.wait_shard is not None:
        return True
    return head.queue_until < head.not_before + head.queue_ms


def _overdue(head: Head, now_ms: int) -> bool:
    return head.due_at is not None and head.due_at <= now_ms


def _unclaimed(head: Head, now_ms: int) -> bool:
    """Let through by a gate, which left its look where it was, and claimed by nobody since."""
    return head.slot_at is not None and head.dispatches <= 1 and head.slot_at + FIRST_LOOK_MS <= now_ms


def _callback_due(head: Head, now_ms: int) -> Due:
    if head.cb_status != "pending":
        return Due.DISARM if head.due_at is not None else Due.NOTHING
    if (head.cb_due or 0) > now_ms:
        return Due.REARM if _overdue(head, now_ms) else Due.NOTHING
    return Due.DELIVER


def next_look_ms(head: Head, now_ms: int) -> int:
    """When a run that needs nothing now has to be looked at again."""
    if head.terminal:
        return head.cb_due or now_ms
    return head.lease_until + 1


def dispatch_wait_ms(dispatches: int) -> int:
    """The wait after the n-th dispatch (n from 1) before the next: 1, 2, 4 … 30 min."""
    return int(min(FIRST_LOOK_MS * 2 ** min(max(dispatches - 1, 0), 10), LAST_LOOK_MS))


def backoff_ms(head: Head, spread: float) -> int:
    """The wait before the attempt after this one; `spread`, in [0, 1), takes off up to half of it."""
    wait = min(head.backoff_ms * 2 ** min(max(head.attempt_number - 1, 0), 20), head.max_backoff_ms)
    return int(wait * (1 - 0.5 * spread)) if head.jitter else int(wait)


def may_retry(head: Head) -> bool:
    return head.attempt < head.max_attempts

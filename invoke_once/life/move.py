"""The life of a run: its states, what a move is, and what is due. Pure: no clock, no AWS.

`moves/` has the moves themselves, one function each; `store.py` is the only place that carries them out.
The diagram with lettered edges is docs/explanation/lifecycle.md; `LETTERS` is its key, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke_once.life.conditions import Condition

if TYPE_CHECKING:
    from invoke_once.life.head import Head


class Status(StrEnum):
    SCHEDULED = "scheduled"  #: accepted, to be started later
    QUEUED = "queued"  #: accepted, fired or about to be, claimed by nobody
    RUNNING = "running"  #: one attempt holds the lease
    SUCCEEDED = "succeeded"  #: the handler returned; the output is kept
    FAILED = "failed"  #: the handler raised, vanished with no retry left, or could not be started
    TIMED_OUT = "timed_out"  #: the last attempt ran into its function's timeout
    CANCELLED = "cancelled"  #: somebody asked, and no outcome had been recorded before
    EXPIRED = "expired"  #: nobody claimed it within the queue timeout: it never ran


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.EXPIRED})
REDRIVABLE = TERMINAL - {Status.SUCCEEDED}  #: a person's retry may reopen these
RERUNNABLE = REDRIVABLE - {Status.CANCELLED}  #: `"if_failed": "rerun"` may reopen these

#: What one letter of the diagram stands for.
LETTERS: Mapping[str, str] = {
    "A": "start",
    "B": "register",
    "C": "release",
    "D": "dispatch",
    "E": "claim",
    "F": "launch",
    "G": "progress",
    "H": "finish",
    "I": "requeue",
    "J": "lose",
    "K": "reject",
    "L": "expire",
    "M": "cancel",
    "N": "request_cancel",
    "O": "redrive",
    "P": "rearm",
    "Q": "begin_delivery",
    "R": "end_delivery",
    "S": "send_again",
    "T": "postpone",
    "U": "give_back",
    "V": "note",
}

#: A dispatched run that nobody has claimed is fired again after this; then 1, 2, 4 … 30 min.
FIRST_LOOK_MS = 60_000
LAST_LOOK_MS = 30 * 60_000
#: Added to every lease: the clocks of two machines may differ by this much and still never overlap two attempts.
LEASE_GRACE_MS = 10_000


class Arm(NamedTuple):
    """One named part of a guard, so that a refusal can say which part refused."""

    name: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Move:
    """One conditional write of one item.

    `mine` recognises this very write when botocore repeats it after a lost response: the refusal then
    carries an item on which these fields already have these values.
    """

    letter: str
    run_id: str
    guard: tuple[Arm, ...]
    set: Mapping[str, Any]
    set_once: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    part: str = "head"
    replace: bool = False  #: the whole item is `set` (PutItem)
    mine: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] | None = None  #: the item before it, where only the mover can have changed what matters

    def changed(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """`item` after this move."""
        after = {**item}
        for name in self.remove:
            after.pop(name, None)
        for name, value in self.set_once.items():
            if after.get(name) is None:
                after[name] = value
        for name, value in self.add.items():
            after[name] = (after.get(name) or 0) + value
        return after | dict(self.set)


class Due(StrEnum):
    """What `attend` has to do for a run now."""

    NOTHING = "nothing"
    RELEASE = "release"  #: its time has come: queue and fire it
    DISPATCH = "dispatch"  #: nobody claimed it: fire it again
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
    if head.not_before is not None:
        return Due.RELEASE if head.not_before <= now_ms else Due.NOTHING
    return Due.DISPATCH if _overdue(head, now_ms) else Due.NOTHING


def queue_clock_runs(head: Head) -> bool:
    """Whether its queue timeout is being used up: from when it may first be fired after a start or an attempt.

    Held back by a delay or a backoff, its clock begins when that is over, whoever comes by late. Given back (U), it
    goes on: an event that AWS refuses again and again must end one day.
    """
    return head.not_before is None or head.queue_until < head.not_before + head.queue_ms


def _overdue(head: Head, now_ms: int) -> bool:
    return head.due_at is not None and head.due_at <= now_ms


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
    """The wait before the attempt after `head.attempt`; `spread`, in [0, 1), takes off up to half of it."""
    wait = min(head.backoff_ms * 2 ** min(max(head.attempt - 1, 0), 20), head.max_backoff_ms)
    return int(wait * (1 - 0.5 * spread)) if head.jitter else int(wait)


def may_retry(head: Head) -> bool:
    return head.attempt < head.max_attempts

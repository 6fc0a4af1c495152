"""The eight statuses of a run, and which of them are ends."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    SCHEDULED = "scheduled"  #: accepted, to be started later
    QUEUED = "queued"  #: accepted, fired or about to be, claimed by nobody
    RUNNING = "running"  #: one attempt holds the lease
    SUCCEEDED = "succeeded"  #: the handler returned; the output is kept
    FAILED = "failed"  #: the handler raised, vanished with no retry left, or could not be started
    TIMED_OUT = "timed_out"  #: the last attempt ran into its function's timeout
    CANCELLED = "cancelled"  #: somebody asked, and no outcome had been recorded before
    EXPIRED = "expired"  #: nobody claimed it, or its next leg, within the queue timeout


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.EXPIRED})
REDRIVABLE = TERMINAL - {Status.SUCCEEDED}  #: a person's retry may reopen these
RERUNNABLE = REDRIVABLE - {Status.CANCELLED}  #: `"if_failed": "rerun"` may reopen these

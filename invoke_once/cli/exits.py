"""The exit codes of `once`, and which of them an outcome or an error is."""

from __future__ import annotations

from collections.abc import Mapping

from invoke_once.client_errors import ServiceUnreachable, UnexpectedReply, WaitTimeout
from invoke_once.errors import InvokeOnceError

OK = 0
FAILED = 1
USAGE = 2
TIMED_OUT = 3
CANCELLED = 4
GAVE_UP = 5
UNREACHABLE = 6
INTERRUPTED = 130
BROKEN_PIPE = 141
INTERNAL = 70  # sysexits' EX_SOFTWARE: a mistake of ours
NOT_WRITTEN = 74  # sysexits' EX_IOERR: the output could not be written

_BY_STATUS: Mapping[str, int] = {
    "succeeded": OK,
    "failed": FAILED,
    "timed_out": TIMED_OUT,
    "cancelled": CANCELLED,
    "expired": CANCELLED,
}


def of_status(status: str) -> int:
    """A finished run's code; one that still goes on means that we gave up waiting."""
    return _BY_STATUS.get(status, GAVE_UP)


def of_error(error: InvokeOnceError) -> int:
    """An error's code: the service is not there, the time is over, or the caller asked for what cannot be."""
    if isinstance(error, ServiceUnreachable | UnexpectedReply):
        return UNREACHABLE
    return GAVE_UP if isinstance(error, WaitTimeout) else USAGE

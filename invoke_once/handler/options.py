"""What an invocation comes with: the handler, the options of its `@tracked`, the time Lambda leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Handler = Callable[[Any, Any], Any]
DEFAULT_TIMEOUT_MS = 1_800_000  #: Lambda's longest, for a context that does not tell


class Options(NamedTuple):
    """How direct calls are told apart, and what a duplicate of one does."""

    key: str | Callable[[Any], str] | None = None
    attach: bool = False
    attach_seconds: float = 60


def time_left_ms(context: Any) -> int:
    """What Lambda leaves this invocation. 0 is a number, not an absence: the lease then is the grace alone."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return max(int(tell()), 0) if tell else DEFAULT_TIMEOUT_MS

"""Work in a process of its own, which leaves nothing behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress


def forked(work: Callable[[], int]) -> int:
    """The pid of a child, the head of its own process group, that ends with what `work` returns."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        code = work()
    finally:
        os._exit(code)


def ended(work: Callable[[], int], limit_s: float) -> int | None:
    """The exit code of a fork that does it; None: it has not ended by then, and is killed."""
    child, limit = forked(work), time.monotonic() + limit_s
    while time.monotonic() < limit:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None

"""Which processes run, and ending one of ours: by its id, after a look at its command line.

Reads /proc where there is one, else asks `ps`. Only the standard library: `make down` needs no virtualenv.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
QUIET_S = 5.0


def command_of(pid: int) -> str:
    """The command line of a process; "" if it is gone, a zombie or not ours to see."""
    if PROC.is_dir():
        try:
            return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    done = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()


def everyone() -> Iterator[tuple[int, str]]:
    """(pid, command line) of each process that can be seen."""
    if PROC.is_dir():
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                yield int(entry.name), command_of(int(entry.name))
        return
    done = subprocess.run(["ps", "-axo", "pid=,args="], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command


def end(pid: int, marker: str, patience_s: float, while_waiting: Callable[[], None] = lambda: None) -> bool:
    """SIGTERM, then SIGKILL after `patience_s`; False if force was needed. Calls `while_waiting` after five seconds.

    Nothing is sent unless the command line still holds `marker`: a process id is used again by the system.
    """
    if marker not in command_of(pid):
        return True
    _send(pid, signal.SIGTERM)
    if _gone(pid, marker, min(patience_s, QUIET_S)):
        return True
    while_waiting()
    if _gone(pid, marker, patience_s - QUIET_S):
        return True
    kill(pid, marker)
    return False


def kill(pid: int, marker: str) -> None:
    """SIGKILL at once, with the same look at its command line before."""
    if marker in command_of(pid):
        _send(pid, signal.SIGKILL)
        _gone(pid, marker, QUIET_S)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _gone(pid: int, marker: str, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        _reap(pid)
        if marker not in command_of(pid):
            return True
        time.sleep(0.02)
    return False


def _reap(pid: int) -> None:
    # a child of ours stays a zombie until it is waited for; somebody else's is no business of ours
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)

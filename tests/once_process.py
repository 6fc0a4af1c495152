"""`once` as a process of its own: in pipes or under a pseudo-terminal, with deadlines in place of sleeps."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

#: A shell's background job ignores Ctrl-C, and all it starts with it: the program is started as from a terminal.
_START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
PROGRAM = [sys.executable, "-c", f"{_START}; from invoke_once.cli import main; main()"]
DEADLINE_S = 30.0


class OnceProcess:
    """A started `once`. On a terminal all its output is in `seen`; in pipes stderr is, and stdout comes at the end."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process, self._screen = process, screen
        self.seen = ""

    def until(self, text: str) -> Self:
        """Read until the text has appeared. Fails with what was seen instead."""
        end_s = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            ready, _, _ = select.select([self._screen], [], [], max(0.0, end_s - time.monotonic()))
            if not ready or not self._read():
                raise AssertionError(f"{text!r} never appeared in {self.seen!r}")
        return self

    def interrupt(self) -> Self:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)
        return self

    def type(self, text: str) -> Self:
        """Keys on the terminal."""
        os.write(self._screen, text.encode())
        return self

    def finish(self) -> int:
        """Read to the end; gives the exit code."""
        end_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < end_s:
            ready, _, _ = select.select([self._screen], [], [], 0.2)
            if ready and not self._read():
                return self._process.wait(DEADLINE_S)
        raise AssertionError(f"once did not end: {self.seen!r}")

    def stdout(self) -> str:
        """What it wrote on stdout, after it has ended (pipes only)."""
        assert self._process.stdout is not None
        return self._process.stdout.read().decode()

    def _read(self) -> bool:
        try:
            chunk = os.read(self._screen, 65536)
        except OSError:  # a pseudo-terminal's way to say that the other side is closed
            return False
        self.seen += chunk.decode(errors="replace")
        return bool(chunk)


@contextmanager
def on_terminal(args: Sequence[str], env: Mapping[str, str]) -> Iterator[OnceProcess]:
    """`once` with a terminal on all its channels, 120 columns wide."""
    ours, theirs = pty.openpty()
    more = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        [*PROGRAM, *args], stdin=theirs, stdout=theirs, stderr=theirs, env={**more, **env}, start_new_session=True
    )
    os.close(theirs)
    try:
        yield OnceProcess(process, ours)
    finally:
        _end(process)
        os.close(ours)


@contextmanager
def in_pipes(args: Sequence[str], env: Mapping[str, str]) -> Iterator[OnceProcess]:
    """`once` with pipes on stdout and stderr."""
    process = subprocess.Popen(
        [*PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(env)
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield OnceProcess(process, process.stderr.fileno())
    finally:
        _end(process)
        process.stdout.close()
        process.stderr.close()


def environment(url: str, token: str, home: str, **more: str) -> dict[str, str]:
    """A clean environment for one service."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": home, "ONCE_URL": url, "ONCE_TOKEN": token, **more}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(DEADLINE_S)

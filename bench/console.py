"""Progress: one line that moves on a terminal, plain lines now and then anywhere else."""

from __future__ import annotations

import sys
import time

from bench.samples import Progress

EVERY_S = 15


class Console:
    """`tell = console.phase("POST /runs")`, then `tell("round 3 of 50")`; `end()` when all is done."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._moving = sys.stderr.isatty()
        self._told_at = 0.0

    def phase(self, name: str) -> Progress:
        self._line(name, force=True)
        return lambda text: self._line(f"{name}: {text}", force=False)

    def end(self) -> None:
        if self._moving:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _line(self, text: str, *, force: bool) -> None:
        now = time.monotonic()
        said = f"  {now - self._began:4.0f} s  {text}"
        if self._moving:
            print(f"\r\033[K{said[:110]}", end="", file=sys.stderr, flush=True)
        elif force or now - self._told_at >= EVERY_S:
            print(said, file=sys.stderr, flush=True)
            self._told_at = now

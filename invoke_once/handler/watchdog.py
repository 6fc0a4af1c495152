"""Records `timed_out` shortly before Lambda kills the attempt; with a heartbeat, keeps the lease meanwhile.

A thread per attempt would cost a tenth of a millisecond and two switches, so threads are kept: one watches one
attempt at a time and goes back to the idle ones after it. It is woken only for what comes sooner than its next
look; a look that has become needless finds nothing to do. Processes that Lambda freezes and thaws need nothing more.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

from invoke_once import log


class Watched(Protocol):
    """The attempt, as far as its watchdog knows it."""

    def beat(self, lease_ms: int) -> None: ...

    def run_out(self, seconds: float) -> None:
        """The attempt's time is over: `seconds` is what it had."""
        ...


def margin_ms(left_ms: int) -> int:
    """How long before the kill the watchdog acts: a fifth of the time, at most 2 s."""
    return min(left_ms // 5, 2_000)


class Watchdog:
    """`with Watchdog(attempt, left_ms, heartbeat_ms): …`; nothing of it acts after the end of the block."""

    def __init__(self, attempt: Watched, left_ms: int, heartbeat_ms: int) -> None:
        self._attempt, self._left_ms, self._heartbeat_ms = attempt, left_ms, heartbeat_ms
        self._ends_at = time.monotonic() + max(left_ms - margin_ms(left_ms), 0) / 1000
        self.next_at = self._next()

    def _next(self) -> float:
        beat_s = self._heartbeat_ms / 3000 if self._heartbeat_ms else math.inf
        return min(time.monotonic() + beat_s, self._ends_at)

    def act(self) -> None:
        """What is due at `next_at`, which is later afterwards."""
        if time.monotonic() < self._ends_at:
            try:
                self._attempt.beat(self._heartbeat_ms)
            finally:
                self.next_at = self._next()
        else:
            self.next_at = math.inf
            self._attempt.run_out(self._left_ms / 1000)

    def __enter__(self) -> None:
        self._watcher = _idle_watcher()
        self._watcher.begin(self)

    def __exit__(self, *_: object) -> None:
        self._watcher.end()
        _idle.append(self._watcher)


class _Watcher(threading.Thread):
    """A kept thread. Everything below is read and written with `_changed` held."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="invoke-once-watchdog")
        self._changed = threading.Condition()
        self._watches: Watchdog | None = None
        self._wakes_at = math.inf

    def begin(self, watchdog: Watchdog) -> None:
        with self._changed:
            self._watches = watchdog
            if watchdog.next_at < self._wakes_at:
                self._changed.notify_all()

    def end(self) -> None:
        """What it is doing is done, and it does no more: it acts with `_changed` held.

        In a fork this thread is gone, and what it held when the process was forked is held for ever.
        """
        if self.is_alive():
            with self._changed:
                self._watches = None

    def run(self) -> None:
        with self._changed:
            while True:
                watched = self._watches
                self._wakes_at = watched.next_at if watched else math.inf
                left_s = self._wakes_at - time.monotonic()
                if watched is None or left_s > 0:
                    self._changed.wait(None if left_s == math.inf else left_s)
                else:
                    self._act(watched)

    def _act(self, watched: Watchdog) -> None:
        try:
            watched.act()
        except Exception as error:  # the attempt's own end tries again; this thread is needed for the next one
            log.event("watchdog_failed", reason=str(error))


_idle: list[_Watcher] = []


def _idle_watcher() -> _Watcher:
    """One that was left by an earlier attempt, or a new one. A fork leaves dead ones behind."""
    while _idle:
        try:
            watcher = _idle.pop()
        except IndexError:  # another thread took it
            break
        if watcher.is_alive():
            return watcher
    watcher = _Watcher()
    watcher.start()
    return watcher

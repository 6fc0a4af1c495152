"""The watchdog's threads: kept from one attempt to the next, and silent after their attempt's end."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field

import pytest

from invoke_once.handler.watchdog import Watchdog, margin_ms

PATIENCE_S = 10
LONG_MS = 900_000


@dataclass
class Attempt:
    """Notes what its watchdog does; `stuck` keeps it in the middle of that."""

    beats: list[int] = field(default_factory=list)
    ran_out: list[float] = field(default_factory=list)
    acted: threading.Event = field(default_factory=threading.Event)
    stuck: threading.Event | None = None
    by: list[str | int | None] = field(default_factory=list)

    def beat(self, lease_ms: int) -> None:
        self.beats.append(lease_ms)
        self._note()

    def run_out(self, seconds: float) -> None:
        self.ran_out.append(seconds)
        self._note()

    def _note(self) -> None:
        self.by.append(threading.get_ident())
        self.acted.set()
        if self.stuck is not None:
            self.stuck.wait(PATIENCE_S)


def test_an_attempt_whose_time_is_nearly_over_is_told_once() -> None:
    attempt = Attempt()
    with Watchdog(attempt, 50, 0):
        assert attempt.acted.wait(PATIENCE_S)
    assert attempt.ran_out == [0.05]
    assert attempt.beats == []


def test_a_heartbeat_comes_until_the_time_is_over() -> None:
    attempt = Attempt()
    with Watchdog(attempt, 300, 60):
        while not attempt.ran_out:
            assert attempt.acted.wait(PATIENCE_S)
            attempt.acted.clear()
    assert attempt.beats
    assert set(attempt.beats) == {60}


def test_an_attempt_that_ends_in_time_hears_nothing() -> None:
    first, second = Attempt(), Attempt()
    with Watchdog(first, 100, 0):
        pass
    with Watchdog(second, 200, 0):  # the same thread: when it has acted here, the first one's time is long over
        assert second.acted.wait(PATIENCE_S)
    assert first.ran_out == []


def test_the_next_attempt_has_the_same_thread_also_if_it_needs_it_sooner() -> None:
    with Watchdog(Attempt(), LONG_MS, 0):
        pass
    known = {thread.ident for thread in threading.enumerate() if thread.name == "invoke-once-watchdog"}
    attempt = Attempt()
    with Watchdog(attempt, 50, 0):
        assert attempt.acted.wait(PATIENCE_S)
    assert set(attempt.by) <= known


def test_two_attempts_at_once_do_not_wait_for_each_other() -> None:
    slow, quick = Attempt(stuck=threading.Event()), Attempt()
    with Watchdog(slow, 50, 0):
        assert slow.acted.wait(PATIENCE_S)
        with Watchdog(quick, 50, 0):
            assert quick.acted.wait(PATIENCE_S)
        assert slow.stuck is not None
        slow.stuck.set()


def test_the_end_waits_for_what_the_watchdog_is_doing() -> None:
    attempt, over = Attempt(stuck=threading.Event()), threading.Event()

    def live() -> None:
        with Watchdog(attempt, 50, 0):
            assert attempt.acted.wait(PATIENCE_S)
        over.set()

    thread = threading.Thread(target=live)
    thread.start()
    assert attempt.acted.wait(PATIENCE_S)
    assert not over.wait(0.05)
    assert attempt.stuck is not None
    attempt.stuck.set()
    thread.join(PATIENCE_S)
    assert over.is_set()


def test_a_watchdog_that_raises_is_there_for_the_next_attempt(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Attempt):
        def run_out(self, seconds: float) -> None:
            super().run_out(seconds)
            raise RuntimeError("the store did not answer")

    broken, attempt = Broken(), Attempt()
    with Watchdog(broken, 50, 0):
        assert broken.acted.wait(PATIENCE_S)
    with Watchdog(attempt, 50, 0):
        assert attempt.acted.wait(PATIENCE_S)
    assert attempt.ran_out
    assert '"event":"watchdog_failed","reason":"the store did not answer"' in capsys.readouterr().out


def test_a_beat_that_raises_comes_no_sooner_again() -> None:
    class Broken(Attempt):
        def beat(self, lease_ms: int) -> None:
            super().beat(lease_ms)
            raise RuntimeError("the store did not answer")

    broken = Broken()
    with Watchdog(broken, 200, 60):
        while not broken.ran_out:
            assert broken.acted.wait(PATIENCE_S)
            broken.acted.clear()
    assert len(broken.beats) <= 160 / 20


@pytest.mark.parametrize(("heartbeat_ms", "first_s"), [(0, 898), (30_000, 10), (9_000_000, 898)])
def test_the_first_look_is_at_a_third_of_a_heartbeat_or_two_seconds_before_the_end(
    heartbeat_ms: int, first_s: float
) -> None:
    before = time.monotonic()
    watchdog = Watchdog(Attempt(), LONG_MS, heartbeat_ms)
    assert before + first_s <= watchdog.next_at <= time.monotonic() + first_s
    assert [margin_ms(left_ms) for left_ms in (0, 50, 9_999, 10_000, 900_000)] == [0, 10, 1_999, 2_000, 2_000]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_fork_made_while_the_watchdog_acts_leaves_the_body_too() -> None:
    attempt = Attempt(stuck=threading.Event())
    watchdog = Watchdog(attempt, LONG_MS, 1)
    with watchdog:
        assert attempt.stuck is not None and attempt.acted.wait(PATIENCE_S)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PATIENCE_S)  # who hangs is killed by it
            watchdog.__exit__()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        attempt.stuck.set()
    assert status == 0

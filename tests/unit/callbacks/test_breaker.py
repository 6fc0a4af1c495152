"""What is kept of a receiver's standing after each outcome, to the millisecond, and when it is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.callbacks.breaker import PART, Breaker, breaker
from chalicelib.callbacks.webhook import Outcome
from invoke_once.store.store import Store
from invoke_once.testing import MemoryTable

NOW = 1_800_000_000_000
DAY_S = 86_400
OK, DOWN = Outcome(200, None, 1), Outcome(500, "no", 1)


class Gate:
    """One receiver's, read anew each time."""

    def __init__(self) -> None:
        self.store = Store(MemoryTable())

    def at(self, now_ms: int = NOW) -> Breaker:
        return breaker(self.store, "demo", "https://hook.example", now_ms)

    def kept(self) -> dict[str, Any]:
        item = dict(self.store.part(self.at().key, PART) or {})
        return {name: item.get(name) for name in ("failures", "closed_until", "pause_ms", "expires_at")}

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.at().report(DOWN, NOW)


def standing(failures: int, closed_ms: int, pause_ms: int) -> dict[str, int]:
    return {"failures": failures, "closed_until": NOW + closed_ms, "pause_ms": pause_ms,
            "expires_at": NOW // 1000 + DAY_S}  # fmt: skip


def test_nothing_is_written_of_a_healthy_receiver() -> None:
    gate = Gate()
    gate.at().report(OK, NOW)
    assert set(gate.kept().values()) == {None}


@pytest.mark.parametrize(
    ("outcome", "trouble"),
    [(Outcome(None, "no answer", 1), True), (Outcome(429, "no", 1), True), (DOWN, True), (Outcome(599, "no", 1), True),
     (Outcome(499, "no", 1), False), (Outcome(404, "no", 1), False), (Outcome(301, "no", 1), False), (OK, False)],
)  # fmt: skip
def test_a_wrong_url_is_no_failure_of_its_host(outcome: Outcome, trouble: bool) -> None:
    gate = Gate()
    gate.at().report(outcome, NOW)
    assert gate.kept()["failures"] == (1 if trouble else None)


@pytest.mark.parametrize(
    ("failures", "pause_ms"),
    [(1, 30_000), (5, 30_000), (6, 60_000), (7, 120_000), (11, 1_920_000), (12, 3_600_000), (13, 3_600_000)],
)
def test_the_pause_doubles_from_the_sixth_failure_up_to_an_hour(failures: int, pause_ms: int) -> None:
    gate = Gate()
    gate.fail(failures)
    assert gate.kept() == standing(failures, pause_ms, pause_ms)


@pytest.mark.parametrize(
    ("retry_after_s", "closed_ms"), [(0, 30_000), (30.5, 30_500), (3_600, 3_600_000), (9_999, 3_600_000)]
)
def test_a_receiver_may_ask_for_a_longer_pause_up_to_an_hour(retry_after_s: float, closed_ms: int) -> None:
    gate = Gate()
    gate.at().report(Outcome(503, "no", 1, retry_after_s), NOW)
    assert gate.kept() == standing(1, closed_ms, 30_000)


def test_one_that_is_slow_counts_as_failed_until_it_answers() -> None:
    gate = Gate()
    suspected = gate.at()
    suspected.suspect(NOW)
    assert gate.kept() == standing(1, 5_000, 0)
    suspected.report(DOWN, NOW, suspected=True)
    assert gate.kept() == standing(1, 30_000, 30_000), "it is counted once"
    suspected.report(OK, NOW, suspected=True)
    assert gate.kept() == standing(0, -NOW, 0)


def test_a_success_ends_the_failures_before_it() -> None:
    gate = Gate()
    gate.fail(4)
    gate.at().report(OK, NOW)
    assert gate.kept()["failures"] == 0


@pytest.mark.parametrize(("failures", "later_ms", "waits"), [(4, 0, False), (5, 29_999, True), (5, 30_000, False)])
def test_five_failures_in_a_row_spare_a_receiver(failures: int, later_ms: int, waits: bool) -> None:
    gate = Gate()
    gate.fail(failures)
    now_ms = NOW + later_ms
    assert gate.at(now_ms).wait_until(now_ms) == (NOW + 30_000 if waits else None)


def test_one_tries_a_spared_receiver_and_the_others_wait_half_a_minute_for_it() -> None:
    gate = Gate()
    gate.fail(5)
    now_ms = NOW + 30_000
    first, second = gate.at(now_ms), gate.at(now_ms)
    assert first.wait_until(now_ms) is None
    assert second.wait_until(now_ms) == gate.at(now_ms).wait_until(now_ms) == now_ms + 30_000


@pytest.mark.parametrize(("later_ms", "failures"), [(DAY_S * 1000 - 1, 3), (DAY_S * 1000, 1)])
def test_a_day_without_a_failure_and_it_is_forgotten(later_ms: int, failures: int) -> None:
    gate = Gate()
    gate.fail(2)
    now_ms = NOW + later_ms
    gate.at(now_ms).report(DOWN, now_ms)
    assert gate.kept()["failures"] == failures

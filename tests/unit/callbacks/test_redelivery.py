"""When a failed callback is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.callbacks.redelivery import MAX_ATTEMPTS, SPAN_MS, next_try

NOW_MS = 1_700_000_000_000
HOUR_S = 3600


def pause_s(attempt: int, retry_after_s: float | None = None, rand: float = 0.0) -> float | None:
    at_ms = next_try(attempt, NOW_MS, retry_after_s, lambda: rand)
    return None if at_ms is None else (at_ms - NOW_MS) / 1000


def test_the_pauses_are_those_of_standard_webhooks() -> None:
    hours = [2, 5, 10, 14, 20, 24]
    assert [pause_s(n) for n in range(10)] == [0, 5, 5 * 60, 30 * 60, *(h * HOUR_S for h in hours)]


def test_after_the_tenth_attempt_nothing_more_is_tried() -> None:
    assert MAX_ATTEMPTS == 10
    assert pause_s(10) is None and pause_s(11, retry_after_s=5) is None


def test_the_span_is_that_of_the_whole_schedule_at_its_latest() -> None:
    pauses = [pause_s(n, rand=1.0) for n in range(MAX_ATTEMPTS)]
    assert sum(pause or 0 for pause in pauses) * 1000 == SPAN_MS
    assert 3 < SPAN_MS / 86_400_000 < 3.5, "about three days"


def test_a_day_s_pause_is_spread_over_hours() -> None:
    assert pause_s(9, rand=0.5) == 24 * HOUR_S * 1.05
    assert pause_s(9, rand=1.0) == pytest.approx(24 * HOUR_S * 1.1)


@given(st.integers(0, 9), st.floats(0, 1, exclude_max=True))
def test_jitter_only_ever_adds_and_at_most_a_tenth(attempt: int, rand: float) -> None:
    exact, shaken = pause_s(attempt), pause_s(attempt, rand=rand)
    assert exact is not None and shaken is not None
    assert exact <= shaken <= exact * 1.1 + 0.001


def test_two_receivers_that_failed_together_are_not_tried_together() -> None:
    assert len({next_try(2, NOW_MS) for _ in range(50)}) > 1


@pytest.mark.parametrize(("asked_s", "pause"), [(60, 60), (0, 5), (3, 5), (-10, 5), (10**9, 24 * HOUR_S), (5.5, 5.5)])
def test_retry_after_makes_it_later_up_to_a_day_and_never_sooner(asked_s: float, pause: float) -> None:
    assert pause_s(1, retry_after_s=asked_s) == pause


def test_gone_means_never_again() -> None:
    assert next_try(1, NOW_MS, 5, status_code=410) is None
    assert next_try(1, NOW_MS, 5, status_code=404) is not None

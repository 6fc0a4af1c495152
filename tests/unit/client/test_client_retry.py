"""When a call is tried again, and after how long: the pure part."""

from __future__ import annotations

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_once.client.core.effects import Lost, Reply
from invoke_once.client.core.retry import RetryPolicy, maybe_done, retry_after_s, worth_repeating

POLICY = RetryPolicy()


def reply(status: int, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"", "http://x/")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    assert worth_repeating(reply(status))


def test_a_gateways_own_500_is_tried_again_and_the_services_is_not() -> None:
    assert worth_repeating(Reply(500, {"content-type": "application/json"}, b'{"message": null}', "http://x/"))
    assert not worth_repeating(Reply(500, {"content-type": "application/problem+json"}, b"{}", "http://x/"))
    assert not worth_repeating(reply(500), repeatable=False)


@pytest.mark.parametrize("status", [200, 202, 304, 400, 401, 404, 409, 422, 501])
def test_what_does_not_pass_is_not(status: int) -> None:
    assert not worth_repeating(reply(status))


def test_what_can_never_work_is_not_tried_again() -> None:
    assert not worth_repeating(Lost("certificate refused", sent=False, final=True))


def test_a_call_that_must_not_happen_twice_is_repeated_only_if_it_surely_did_not_happen() -> None:
    assert worth_repeating(Lost("refused", sent=False), repeatable=False)
    assert worth_repeating(reply(503), repeatable=False)
    assert not worth_repeating(Lost("reset", sent=True), repeatable=False)
    assert not worth_repeating(reply(502), repeatable=False)
    assert maybe_done(reply(504))
    assert not maybe_done(reply(429))


@given(failures=st.integers(1, 1000), chance=st.floats(0, 1, exclude_max=True))
def test_a_pause_lies_between_half_its_ceiling_and_its_ceiling(failures: int, chance: float) -> None:
    ceiling = min(POLICY.cap_s, POLICY.base_s * 2 ** min(failures - 1, 30))
    assert ceiling / 2 <= POLICY.backoff(failures, chance) <= ceiling


def test_chance_spreads_the_pauses() -> None:
    assert POLICY.backoff(3, 0.0) < POLICY.backoff(3, 0.99)


def test_the_last_try_is_the_last() -> None:
    assert POLICY.next_pause(reply(503), POLICY.max_tries - 1, 0.0, 0.5) is not None
    assert POLICY.next_pause(reply(503), POLICY.max_tries, 0.0, 0.5) is None


def test_the_budget_bounds_all_tries_together() -> None:
    assert POLICY.next_pause(reply(503), 1, 59.0, 0.5) is not None
    assert POLICY.next_pause(reply(503), 1, 60.0, 0.5) is None


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert retry_after_s(reply(503, retry_after="12")) == 12
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert retry_after_s(reply(503, retry_after=date)) == pytest.approx(100, abs=2)
    past = email.utils.formatdate(time.time() - 100, usegmt=True)
    assert retry_after_s(reply(503, retry_after=past)) == 0


@given(st.text(max_size=40))
def test_no_retry_after_is_an_error(text: str) -> None:
    seconds = retry_after_s(Reply(503, {"retry-after": text}, b"", ""))
    assert seconds is None or seconds >= 0


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    assert POLICY.pause_after(reply(503, retry_after="0"), 4, 0.0) == POLICY.backoff(4, 0.0)

"""When what is due: the one decision that every wake-up makes, at and around each of its times."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from invoke_once.life.due import (
    FIRST_LOOK_MS,
    LAST_LOOK_MS,
    Due,
    backoff_ms,
    dispatch_wait_ms,
    is_due,
    may_retry,
    next_look_ms,
)
from invoke_once.life.head import Head
from invoke_once.life.move import LETTERS
from invoke_once.life.status import TERMINAL, Status

NOW = 1_800_000_000_000
DOC = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "lifecycle.md"


def head(status: str, **more: Any) -> Head:
    known: dict[str, Any] = {"queue_until": NOW + 9_000_000, "due_shard": "due#1"} | more
    return Head("run_a", "demo", "echo", status, "g", NOW - 1000, NOW + 1000, **known)


@pytest.mark.parametrize(("past_ms", "due"), [(-1, Due.NOTHING), (0, Due.NOTHING), (1, Due.LOSE)])
def test_a_lease_is_over_just_past_its_end(past_ms: int, due: Due) -> None:
    assert is_due(head("running", lease_until=NOW, due_at=NOW + 9), NOW + past_ms) == due


def test_a_live_lease_that_is_looked_at_early_is_looked_at_again_when_it_ends() -> None:
    live = head("running", lease_until=NOW + 5_000, due_at=NOW)
    assert is_due(live, NOW) == Due.REARM
    assert next_look_ms(live, NOW) == NOW + 5_001


@pytest.mark.parametrize(("past_ms", "due"), [(-1, Due.NOTHING), (0, Due.DISPATCH)])
def test_an_unclaimed_run_is_fired_again_when_its_time_comes(past_ms: int, due: Due) -> None:
    assert is_due(head("queued", due_at=NOW), NOW + past_ms) == due


@pytest.mark.parametrize(
    ("past_ms", "dispatches", "due"), [(-1, 1, Due.NOTHING), (0, 1, Due.DISPATCH), (0, 2, Due.NOTHING)]
)
def test_what_a_gate_let_through_and_nobody_claimed_is_fired_again_once_after_a_minute(
    past_ms: int, dispatches: int, due: Due
) -> None:
    through = head("queued", slot_at=NOW, dispatches=dispatches, due_at=NOW + 9_000_000)
    assert is_due(through, NOW + FIRST_LOOK_MS + past_ms) == due


@pytest.mark.parametrize("status", ["scheduled", "queued"])
@pytest.mark.parametrize(("past_ms", "due"), [(-1, Due.NOTHING), (0, Due.RELEASE)])
def test_a_held_back_run_is_released_when_its_time_comes(status: str, past_ms: int, due: Due) -> None:
    assert is_due(head(status, not_before=NOW, due_at=NOW), NOW + past_ms) == due


@pytest.mark.parametrize("more", [{}, {"not_before": NOW - 5, "queue_ms": 60_000}, {"due_at": NOW - 5}])
@pytest.mark.parametrize(("past_ms", "expired"), [(0, False), (1, True)])
def test_the_queue_timeout_comes_before_everything_else(more: dict[str, Any], past_ms: int, expired: bool) -> None:
    waiting = head("queued", queue_until=NOW, **more)
    assert (is_due(waiting, NOW + past_ms) == Due.EXPIRE) is expired


@pytest.mark.parametrize("status", ["scheduled", "queued"])
def test_a_delay_or_backoff_that_is_over_late_is_released_not_expired(status: str) -> None:
    """Its queue timeout begins when it may be fired; the sweep came by later than that would be long."""
    late = head(status, not_before=NOW, queue_ms=5_000, queue_until=NOW + 5_000, due_at=NOW)
    assert is_due(late, NOW + 30_000) == Due.RELEASE


@pytest.mark.parametrize(("past_ms", "due"), [(-1, Due.NOTHING), (0, Due.DELIVER)])
def test_a_callback_is_tried_when_its_time_comes(past_ms: int, due: Due) -> None:
    ended = head("succeeded", cb_status="pending", cb_due=NOW, due_at=NOW)
    assert is_due(ended, NOW + past_ms) == due


def test_a_callback_that_is_looked_at_early_is_looked_at_again() -> None:
    ended = head("succeeded", cb_status="pending", cb_due=NOW + 7, due_at=NOW)
    assert is_due(ended, NOW) == Due.REARM
    assert next_look_ms(ended, NOW) == NOW + 7


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_ended_run_needs_nothing_and_leaves_the_index(status: str) -> None:
    assert is_due(head(status), NOW) == Due.NOTHING
    assert is_due(head(status, due_at=NOW - 1), NOW) == Due.DISARM
    assert is_due(head(status, due_at=NOW - 1, cb_status="delivered"), NOW) == Due.DISARM


def test_waits_between_dispatches_double_up_to_half_an_hour() -> None:
    assert [dispatch_wait_ms(n) // FIRST_LOOK_MS for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
    assert dispatch_wait_ms(10_000) == LAST_LOOK_MS


def test_a_backoff_doubles_up_to_its_maximum() -> None:
    tried = [head("running", attempt=n, backoff_ms=10_000, max_backoff_ms=60_000, jitter=False) for n in range(1, 6)]
    assert [backoff_ms(one, 0.9) for one in tried] == [10_000, 20_000, 40_000, 60_000, 60_000]
    assert backoff_ms(head("running", attempt=10_000, backoff_ms=1, max_backoff_ms=9, jitter=False), 0) == 9


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 10_000), (0.5, 7_500), (0.9, 5_500)])
def test_jitter_shortens_a_backoff_by_up_to_half(spread: float, expected: int) -> None:
    tried = head("running", attempt=1, backoff_ms=10_000, max_backoff_ms=60_000)
    assert backoff_ms(tried, spread) == expected


def test_an_attempt_is_left_while_fewer_were_made_than_allowed() -> None:
    left = [may_retry(head("running", attempt=n, max_attempts=2)) for n in (0, 1, 2, 3)]
    assert left == [True, True, False, False]


def test_every_state_is_an_end_or_leads_to_one() -> None:
    assert set(Status) - TERMINAL == {"scheduled", "queued", "running"}


def test_the_documents_letters_are_the_codes() -> None:
    told = dict(re.findall(r"^\| \*\*([A-Z]+)\*\* \| `(\w+)` \|", DOC.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == dict(LETTERS)


def test_the_diagram_has_every_move_of_a_run_and_every_state() -> None:
    picture = (DOC.parents[1] / "pictures" / "lifecycle.txt").read_text(encoding="utf-8")
    drawn = re.findall(
        r"\b([A-Z]{1,2})\b", " ".join(re.findall(r"^(?:move|loop|note) .*?: (.*)", picture, re.MULTILINE))
    )
    assert set(drawn) == set(LETTERS)
    assert set(re.findall(r"^state (\w+)", picture, re.MULTILINE)) == set(Status)

"""Every move of the table: made from where it may be made, refused elsewhere with the reason and the winner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Move
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store
from tests.contract.conftest import NOW

ERROR = b"\x00{}"
Begin = Callable[..., Head]


def applied(store: Store, move: Move) -> Head:
    result = store.apply(move)
    assert isinstance(result, Applied), result
    return result.head


def refused(store: Store, move: Move) -> Refused:
    result = store.apply(move)
    assert isinstance(result, Refused), result
    return result


def finish(head: Head, status: Status = Status.SUCCEEDED, at: int = NOW, token: str = "t") -> Move:
    fields = {"output": b"\x001"} if status == Status.SUCCEEDED else {"error": ERROR}
    return moves.finish(moves.fence(head), head, status, at, fields, token)


def test_a_new_run_is_queued_and_armed(begin: Begin) -> None:
    head = begin()
    assert (head.status, head.attempt, head.dispatches) == ("queued", 0, 1)
    assert head.due_at == NOW + FIRST_LOOK_MS


def test_a_delayed_run_is_scheduled_and_armed_for_its_time(begin: Begin) -> None:
    head = begin(delay_ms=5_000)
    assert (head.status, head.not_before, head.due_at) == ("scheduled", NOW + 5_000, NOW + 5_000)


def test_a_second_start_under_the_key_is_refused_with_the_first_run(store: Store, begin: Begin) -> None:
    head = begin()
    new = moves.NewRun(head.tenant, "echo", head.key or "")
    again = refused(store, moves.start(new, NOW))
    assert again.arms == ("id is free",)
    assert again.head == head


def test_the_put_that_botocore_repeats_is_recognised(store: Store, tenant: str) -> None:
    move = moves.start(moves.NewRun(tenant, "echo", "k"), NOW)
    first, second = store.apply(move), store.apply(move)
    assert isinstance(first, Applied) and not first.repeated
    assert isinstance(second, Applied) and second.repeated and second.head == first.head


@pytest.mark.parametrize(("early_ms", "free"), [(1, False), (0, True), (-1, True)])
def test_a_key_is_free_again_exactly_when_its_run_expires(
    store: Store, begin: Begin, early_ms: int, free: bool
) -> None:
    head = begin()
    at = head.expires_at * 1000 - early_ms
    result = store.apply(moves.start(moves.NewRun(head.tenant, "echo", head.key or ""), at))
    assert isinstance(result, Applied) is free
    assert (store.get(head.run_id, at) is None) is False  # the old one, or the one that took its place
    if free:
        assert result.head is not None and result.head.generation != head.generation


def test_an_expired_run_reads_as_absent_before_ttl_deletes_it(store: Store, begin: Begin) -> None:
    head = begin()
    assert store.get(head.run_id, head.expires_at * 1000 - 1) is not None
    assert store.get(head.run_id, head.expires_at * 1000) is None


def test_a_claim_counts_the_attempt_and_sets_the_lease(store: Store, claimed: Begin) -> None:
    head = claimed(lease_ms=60_000)
    assert (head.status, head.attempt, head.started_at, head.attempt_started_at) == ("running", 1, NOW, NOW)
    assert head.lease_until == NOW + 60_000 + LEASE_GRACE_MS


def test_the_claim_that_botocore_repeats_is_recognised(store: Store, begin: Begin) -> None:
    head = begin()
    move = moves.claim(head.run_id, head.generation, NOW, 1_000)
    assert applied(store, move).attempt == 1
    assert applied(store, move).attempt == 1


def test_no_time_left_still_makes_a_lease(store: Store, begin: Begin) -> None:
    head = begin()
    assert applied(store, moves.claim(head.run_id, head.generation, NOW, -5)).lease_until == NOW + LEASE_GRACE_MS


def test_a_duplicate_claim_is_refused_while_the_lease_lives(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=3)
    for at in (NOW, head.lease_until):
        assert refused(store, moves.claim(head.run_id, head.generation, at, 1_000)).arms == ("free",)


def test_a_claim_takes_over_just_past_the_lease_and_fences_the_old_attempt(store: Store, claimed: Begin) -> None:
    old = claimed(max_attempts=2)
    new = applied(store, moves.claim(old.run_id, old.generation, old.lease_until + 1, 1_000))
    assert (new.attempt, new.lease_id == old.lease_id) == (2, False)
    assert set(refused(store, finish(old)).arms) == {"my attempt", "my lease"}
    assert applied(store, finish(new)).status == "succeeded"


@pytest.mark.parametrize("policy", [{"max_attempts": 1}, {"max_attempts": 3, "on_lost": "fail"}])
def test_no_claim_takes_over_without_an_attempt_left_or_where_lost_means_failed(
    store: Store, claimed: Begin, policy: dict[str, object]
) -> None:
    head = claimed(**policy)
    assert refused(store, moves.claim(head.run_id, head.generation, head.lease_until + 1, 1)).arms == ("free",)


def test_no_claim_takes_over_a_run_that_is_to_be_cancelled(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=3)
    applied(store, moves.request_cancel(head))
    assert refused(store, moves.claim(head.run_id, head.generation, head.lease_until + 1, 1)).arms == ("free",)


def test_an_event_of_another_generation_claims_nothing(store: Store, begin: Begin) -> None:
    head = begin()
    assert refused(store, moves.claim(head.run_id, "another", NOW, 1)).arms == ("same generation",)


def test_a_claim_of_nothing_is_refused_and_creates_nothing(store: Store) -> None:
    result = refused(store, moves.claim("run_nothing", "g", NOW, 1))
    assert result.head is None
    assert store.get("run_nothing", NOW) is None


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED])
def test_an_outcome_is_recorded_once_and_disarms_the_run(store: Store, claimed: Begin, status: Status) -> None:
    head = claimed()
    ended = applied(store, finish(head, status, NOW + 5))
    assert (ended.status, ended.finished_at, ended.due_at, ended.due_shard) == (status, NOW + 5, None, None)
    again = refused(store, finish(head, Status.FAILED, NOW + 9, token="another"))
    assert again.arms == ("still running",)
    assert again.head == ended


def test_the_finish_that_botocore_repeats_is_recognised(store: Store, claimed: Begin) -> None:
    move = finish(claimed())
    assert applied(store, move) == applied(store, move)


@pytest.mark.parametrize("wrong", [{"attempt": 2}, {"lease_id": "another"}])
def test_every_write_of_an_attempt_is_fenced(store: Store, claimed: Begin, wrong: dict[str, object]) -> None:
    head = claimed(max_attempts=3)
    stranger = replace(head, **wrong)  # type: ignore[arg-type]
    mine = moves.fence(stranger)
    for move in (
        finish(stranger),
        moves.progress(mine, fraction=0.5, message=None),
        moves.requeue(mine, stranger, NOW + 1, ERROR, "t"),
        moves.lose(stranger, NOW, None, {"error": ERROR}, seen_dead=True),
    ):
        assert len(refused(store, move).arms) == 1
    assert store.get(head.run_id, NOW) == head


def test_progress_is_kept_and_shows_a_cancel(store: Store, claimed: Begin) -> None:
    head = claimed()
    applied(store, moves.request_cancel(head))
    told = applied(store, moves.progress(moves.fence(head), fraction=0.25, message="a quarter"))
    assert (told.progress, told.message, told.cancel_requested) == (0.25, "a quarter", True)


def test_a_requeued_run_waits_for_its_backoff(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=2)
    again = applied(store, moves.requeue(moves.fence(head), head, NOW + 1_000, ERROR, "t"))
    assert (again.status, again.not_before, again.due_at, again.attempt) == ("queued", NOW + 1_000, NOW + 1_000, 1)
    assert refused(store, moves.claim(again.run_id, again.generation, NOW + 999, 1)).arms == ("free",)
    assert applied(store, moves.claim(again.run_id, again.generation, NOW + 1_000, 1)).attempt == 2


def test_a_run_that_is_to_be_cancelled_is_not_requeued(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=2)
    asked = applied(store, moves.request_cancel(head))
    requeue = moves.requeue(moves.fence(head), head, NOW + 1, ERROR, "t")
    assert refused(store, requeue).arms == (moves.NOT_CANCELLED,)
    lost = moves.lose(asked, asked.lease_until + 1, NOW + 1, {"error": ERROR}, seen_dead=False)
    assert refused(store, lost).arms == (moves.NOT_CANCELLED,)


def test_a_lease_is_over_only_past_its_last_millisecond(store: Store, claimed: Begin) -> None:
    head = claimed()
    at_end = moves.lose(head, head.lease_until, None, {"error": ERROR}, seen_dead=False)
    assert refused(store, at_end).arms == ("lease over",)
    past = moves.lose(head, head.lease_until + 1, None, {"error": ERROR}, seen_dead=False)
    assert applied(store, past).status == "failed"


def test_a_heartbeat_since_the_look_keeps_the_attempt(store: Store, claimed: Begin) -> None:
    seen = claimed()
    applied(store, moves.progress(moves.fence(seen), fraction=None, message=None, lease_until=seen.lease_until + 9_000))
    late = moves.lose(seen, seen.lease_until + 1, None, {"error": ERROR}, seen_dead=False)
    assert refused(store, late).arms == ("lease over",)


def test_a_reported_death_needs_no_clock(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=2)
    again = applied(store, moves.lose(head, NOW, NOW + 7, {"error": ERROR}, seen_dead=True))
    assert (again.status, again.not_before) == ("queued", NOW + 7)


def test_of_two_dispatches_one_wins(store: Store, begin: Begin) -> None:
    head = begin()
    assert applied(store, moves.dispatch(head, NOW + FIRST_LOOK_MS)).dispatches == 2
    assert refused(store, moves.dispatch(head, NOW + FIRST_LOOK_MS)).arms == ("nobody dispatched it since",)


def test_a_released_run_may_be_claimed_whatever_the_workers_clock_says(store: Store, begin: Begin) -> None:
    head = begin(delay_ms=5_000)
    assert refused(store, moves.claim(head.run_id, head.generation, NOW + 5_000, 1)).arms == ("free",)
    released = applied(store, moves.release(head, NOW + 5_000))
    assert (released.status, released.not_before, released.dispatches) == ("queued", None, 1)
    assert applied(store, moves.claim(head.run_id, head.generation, NOW - 300_000, 1)).status == "running"


def test_expiry_needs_the_whole_queue_timeout(store: Store, begin: Begin) -> None:
    head = begin(queue_ms=10_000)
    assert refused(store, moves.expire(head, NOW + 10_000, ERROR)).arms == ("queue timeout over",)
    assert applied(store, moves.expire(head, NOW + 10_001, ERROR)).status == "expired"


@pytest.mark.parametrize("make", [moves.cancel, lambda h, now: moves.reject(h, now, ERROR)])
def test_only_an_unclaimed_run_is_cancelled_or_rejected_at_once(
    store: Store, begin: Begin, make: Callable[[Head, int], Move]
) -> None:
    waiting, scheduled, running = begin(), begin(delay_ms=9_000), begin()
    running = applied(store, moves.claim(running.run_id, running.generation, NOW, 1_000))
    assert applied(store, make(waiting, NOW)).terminal
    assert applied(store, make(scheduled, NOW)).terminal
    assert refused(store, make(running, NOW)).arms == ("not claimed",)


def test_a_cancelled_run_is_never_claimed(store: Store, begin: Begin) -> None:
    head = begin()
    applied(store, moves.cancel(head, NOW))
    assert refused(store, moves.claim(head.run_id, head.generation, NOW, 1)).arms == ("free",)


def test_an_ended_run_is_not_asked_to_cancel(store: Store, claimed: Begin) -> None:
    head = claimed()
    ended = applied(store, finish(head))
    assert refused(store, moves.request_cancel(ended)).arms == ("running",)


def test_a_redrive_opens_a_new_generation_and_the_counter_goes_on(store: Store, claimed: Begin) -> None:
    head = claimed()
    failed = applied(store, finish(head, Status.FAILED))
    again = applied(store, moves.redrive(failed, NOW + 100))
    assert (again.status, again.attempt, again.max_attempts) == ("queued", 1, 2)
    assert again.generation != failed.generation and again.error is None and again.failed_shard is None
    assert refused(store, moves.claim(head.run_id, head.generation, NOW + 100, 1)).arms == ("same generation",)
    assert applied(store, moves.claim(again.run_id, again.generation, NOW + 100, 1)).attempt == 2


def test_a_success_and_a_live_run_are_not_redriven(store: Store, claimed: Begin) -> None:
    live = claimed()
    assert "ended without success" in refused(store, moves.redrive(live, NOW)).arms
    done = applied(store, finish(live))
    assert "ended without success" in refused(store, moves.redrive(done, NOW)).arms


def test_of_two_redrives_one_wins(store: Store, claimed: Begin) -> None:
    failed = applied(store, finish(claimed(), Status.FAILED))
    applied(store, moves.redrive(failed, NOW))
    assert "same generation" in refused(store, moves.redrive(failed, NOW)).arms


def test_a_rearm_of_a_run_that_moved_is_refused(store: Store, begin: Begin) -> None:
    head = begin()
    applied(store, moves.rearm(head, NOW + 99_000))
    assert "nobody moved it" in refused(store, moves.rearm(head, NOW + 5)).arms


def test_a_run_with_a_callback_stays_armed_when_it_ends(store: Store, claimed: Begin) -> None:
    head = claimed(callback_url="https://example.com/")
    soon = applied(store, finish(head, at=NOW + 10))
    assert (soon.cb_status, soon.cb_due, soon.due_at) == ("pending", NOW + 10, NOW + FIRST_LOOK_MS)


def test_a_run_that_ends_after_its_first_look_is_armed_anew_for_its_callback(store: Store, claimed: Begin) -> None:
    head = claimed(callback_url="https://example.com/")
    late = NOW + FIRST_LOOK_MS + 1
    assert applied(store, finish(head, at=late)).due_at == late


def test_registering_is_start_and_claim_in_one_write(store: Store, tenant: str) -> None:
    new = moves.NewRun(tenant, "report", "event-1")
    head = applied(store, moves.register(new, NOW, 60_000, "request-1"))
    assert (head.status, head.attempt, head.direct) == ("running", 1, True)
    assert refused(store, moves.register(new, NOW, 60_000, "request-2")).head == head
    assert applied(store, finish(head)).status == "succeeded"


def test_a_claim_token_is_made_once_and_kept_over_attempts_and_redrives(store: Store, claimed: Begin) -> None:
    first = claimed(max_attempts=2)
    second = applied(store, moves.claim(first.run_id, first.generation, first.lease_until + 1, 1_000))
    assert first.claim_token and second.claim_token == first.claim_token
    assert (second.started_at, second.attempt_started_at) == (NOW, first.lease_until + 1)
    failed = applied(store, finish(second, Status.FAILED, at=second.lease_until))
    again = applied(store, moves.redrive(failed, second.lease_until))
    assert (again.claim_token, again.attempt_started_at) == (first.claim_token, None)
    assert claimed().claim_token != first.claim_token

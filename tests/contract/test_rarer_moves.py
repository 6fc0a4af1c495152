"""The moves of unwrapped functions, and what only a bad moment brings: late redrives, lost answers, long schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS, LAST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import DAY_S, callback_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store
from tests.contract.conftest import NOW
from tests.contract.test_moves import ERROR, applied, finish, refused

Begin = Callable[..., Head]


def test_an_unwrapped_function_is_claimed_before_it_is_fired_and_by_one(store: Store, begin: Begin) -> None:
    head = begin(mode="destination")
    launched = applied(store, moves.launch(head, NOW, 60_000))
    assert (launched.status, launched.attempt, launched.due_at) == ("running", 1, launched.lease_until + 1)
    assert refused(store, moves.launch(head, NOW, 60_000)).head == launched


def test_an_event_that_lambda_did_not_take_costs_no_attempt(store: Store, begin: Begin) -> None:
    launched = applied(store, moves.launch(begin(mode="destination", max_attempts=2), NOW, 60_000))
    back = applied(store, moves.give_back(launched, NOW + 500))
    assert (back.status, back.not_before, back.due_at) == ("queued", NOW + 500, NOW + 500)
    assert back.max_attempts - back.attempt == 2


def test_an_event_that_lambda_did_not_take_does_not_swell_the_next_budget(store: Store, begin: Begin) -> None:
    launched = applied(store, moves.launch(begin(mode="destination", max_attempts=2), NOW, 60_000))
    back = applied(store, moves.give_back(launched, NOW))
    again = applied(store, moves.launch(back, NOW, 60_000))
    failed = applied(store, finish(again, Status.FAILED))
    redriven = applied(store, moves.redrive(failed, NOW))
    assert redriven.max_attempts - redriven.attempt == 2


def test_a_launch_that_was_cancelled_meanwhile_does_not_go_back_to_the_queue(store: Store, begin: Begin) -> None:
    launched = applied(store, moves.launch(begin(mode="destination"), NOW, 60_000))
    asked = applied(store, moves.request_cancel(launched))
    assert refused(store, moves.give_back(launched, NOW + 1)) == Refused(asked, (moves.NOT_CANCELLED,))


def test_only_the_launch_that_failed_is_taken_back(store: Store, begin: Begin) -> None:
    launched = applied(store, moves.launch(begin(mode="destination", max_attempts=2), NOW, 1_000))
    applied(store, moves.claim(launched.run_id, launched.generation, launched.lease_until + 1, 1_000))
    assert set(refused(store, moves.give_back(launched, NOW)).arms) == {"my attempt", "my lease"}


def test_a_take_over_forgets_what_the_lost_attempt_told_and_keeps_when_the_run_began(
    store: Store, claimed: Begin
) -> None:
    old = claimed(max_attempts=2)
    told = applied(store, moves.progress(moves.fence(old), fraction=0.9, message="nearly"))
    assert (told.progress, told.message) == (0.9, "nearly")
    new = applied(store, moves.claim(old.run_id, old.generation, old.lease_until + 1, 1_000))
    assert (new.progress, new.message, new.error) == (None, None, None)
    assert (new.started_at, new.attempt_started_at) == (old.started_at, old.lease_until + 1)


def test_a_run_cancelled_in_its_backoff_ends_without_the_error_of_the_attempt_before(
    store: Store, claimed: Begin
) -> None:
    old = claimed(max_attempts=2)
    back = applied(store, moves.requeue(moves.fence(old), old, NOW + 5_000, ERROR, "t"))
    assert back.error == ERROR
    ended = applied(store, moves.cancel(back, NOW + 1))
    assert (ended.status, ended.error, ended.not_before) == ("cancelled", None, None)


def test_who_cancelled_a_waiting_run_is_kept_until_it_is_sent_again(store: Store, begin: Begin) -> None:
    ended = applied(store, moves.cancel(begin(), NOW, "ada"))
    assert (ended.status, ended.cancelled_by) == ("cancelled", "ada")
    assert applied(store, moves.redrive(ended, NOW + 1)).cancelled_by is None


def test_the_first_who_asked_to_cancel_is_told_to_the_end(store: Store, claimed: Begin) -> None:
    asked = applied(store, moves.request_cancel(claimed(), "ada"))
    again = applied(store, moves.request_cancel(asked, "grace"))
    assert again.cancelled_by == "ada"
    lost = moves.lose(again, NOW, None, {"status": "cancelled"}, seen_dead=True)
    assert applied(store, lost).cancelled_by == "ada"


@pytest.mark.parametrize("how", ["requeued", "lost"])
def test_what_goes_back_to_the_queue_lives_through_its_new_queue_time_and_its_retention(
    store: Store, claimed: Begin, how: str
) -> None:
    head, at = claimed(max_attempts=2, queue_ms=60_000, retention_s=1_000), NOW + 10 * DAY_S * 1000
    back = applied(store, {
        "requeued": moves.requeue(moves.fence(head), head, at, ERROR, "t"),
        "lost": moves.lose(head, at, at, {"error": ERROR}, seen_dead=True),
    }[how])  # fmt: skip
    assert back.expires_at == (at + 60_000) // 1000 + DAY_S + 1_000
    assert (back.queue_until, back.due_at) == (at + 60_000, at)


def test_of_two_releases_one_wins(store: Store, begin: Begin) -> None:
    head = begin(delay_ms=5_000)
    applied(store, moves.release(head, NOW + 5_000))
    assert refused(store, moves.release(head, NOW + 5_000)).arms == ("still held back",)


def test_a_release_is_for_the_backoff_that_was_seen(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=3)
    first = applied(store, moves.requeue(moves.fence(head), head, NOW + 10, ERROR, "t"))
    second = applied(store, moves.claim(first.run_id, first.generation, NOW + 10, 1_000))
    applied(store, moves.requeue(moves.fence(second), second, NOW + 99_000, ERROR, "u"))
    assert refused(store, moves.release(first, NOW + 10)).arms == ("still held back",)


@pytest.mark.parametrize(
    "make",
    [
        moves.release,
        moves.dispatch,
        moves.cancel,
        lambda h, at: moves.reject(h, at, ERROR),
        lambda h, at: moves.expire(h, at, ERROR),
        lambda h, at: moves.request_cancel(h),
        moves.redrive,
        lambda h, at: moves.rearm(h, at + 1),
        callback_moves.send_again,
    ],
)
def test_what_was_decided_about_a_namesake_is_refused(
    store: Store, begin: Begin, make: Callable[[Head, int], Move]
) -> None:
    head = replace(begin(), generation="of another life")
    assert "same generation" in refused(store, make(head, NOW)).arms


def test_a_redrive_counted_from_an_old_state_is_refused_and_carries_the_new_one(store: Store, claimed: Begin) -> None:
    seen = claimed(max_attempts=2)
    again = applied(store, moves.requeue(moves.fence(seen), seen, NOW, ERROR, "t"))
    second = applied(store, moves.claim(again.run_id, again.generation, NOW, 1_000))
    ended = applied(store, finish(second, Status.FAILED))
    assert refused(store, moves.redrive(seen, NOW)) == Refused(ended, (moves.AS_SEEN,))
    assert applied(store, moves.redrive(ended, NOW)).max_attempts == 4


def test_the_redrive_and_the_cancel_that_botocore_repeats_are_recognised(store: Store, begin: Begin) -> None:
    cancel = moves.cancel(head := begin(), NOW)
    ended = applied(store, cancel)
    assert store.apply(cancel) == Applied(ended, repeated=True)
    assert isinstance(store.apply(moves.cancel(head, NOW + 1)), Refused)
    redrive = moves.redrive(ended, NOW)
    again = applied(store, redrive)
    assert store.apply(redrive) == Applied(again, repeated=True)


def test_a_requeue_that_botocore_repeats_is_recognised(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=2)
    move = moves.requeue(moves.fence(head), head, NOW, ERROR, "t")
    queued = applied(store, move)
    assert store.apply(move) == Applied(queued, repeated=True)


def test_a_short_queue_timeout_is_looked_at_when_it_ends(store: Store, begin: Begin) -> None:
    head = begin(queue_ms=5_000)
    assert head.due_at == NOW + 5_001
    patient = begin(queue_ms=100_000)
    assert applied(store, moves.dispatch(patient, NOW + FIRST_LOOK_MS)).due_at == NOW + 100_001


def test_redispatches_come_ever_more_rarely(store: Store, begin: Begin) -> None:
    head, waits = begin(), []
    for _ in range(8):
        assert head.due_at is not None
        at, head = head.due_at, applied(store, moves.dispatch(head, head.due_at))
        waits.append((head.due_at or 0) - at)
    assert waits == [FIRST_LOOK_MS * n for n in (2, 4, 8, 16)] + [LAST_LOOK_MS] * 4


def test_a_run_outlives_the_next_try_of_its_callback(store: Store, claimed: Begin) -> None:
    head = claimed(retention_s=DAY_S, callback_url="https://a.example/")
    ended = applied(store, finish(head))
    later = NOW + 20 * 3_600_000
    tried = applied(store, callback_moves.end_delivery(ended, "pending", later, "{}"))
    assert tried.expires_at == later // 1000 + DAY_S > ended.expires_at
    assert applied(store, callback_moves.postpone(tried, NOW + 1)).expires_at == tried.expires_at


def test_the_outcome_of_a_taken_over_attempt_changes_nothing_even_after_the_end(store: Store, claimed: Begin) -> None:
    old = claimed(max_attempts=2)
    new = applied(store, moves.claim(old.run_id, old.generation, old.lease_until + 1, 1_000))
    ended = applied(store, finish(new))
    assert refused(store, finish(old, token="z")).head == ended
    assert store.get(old.run_id, NOW) == ended


def test_a_zombie_of_a_forgotten_run_cannot_write_into_its_namesake(store: Store, claimed: Begin) -> None:
    zombie = claimed()
    after = zombie.expires_at * 1000
    namesake = applied(store, moves.start(moves.NewRun(zombie.tenant, zombie.function, zombie.key or ""), after))
    claim = applied(store, moves.claim(namesake.run_id, namesake.generation, after, 1_000))
    assert claim.attempt == zombie.attempt
    assert refused(store, finish(zombie)).arms == ("my lease",)

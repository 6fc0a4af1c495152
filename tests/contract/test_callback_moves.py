"""One try of a callback at a time, told once, under one id a generation."""

from __future__ import annotations

from collections.abc import Callable

from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import callback_moves
from invoke_once.life.moves.callback_moves import DELIVERY_LEASE_MS
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from tests.contract.conftest import NOW


def done(store: Store, claimed: Callable[..., Head]) -> Head:
    head = claimed(callback_url="https://example.com/")
    return applied(store, moves.finish(moves.fence(head), head, Status.SUCCEEDED, NOW, {"output": b"\x001"}, "t"))


def applied(store: Store, move: Move) -> Head:
    result = store.apply(move)
    assert isinstance(result, Applied), result
    return result.head


def test_of_two_senders_one_has_the_try_until_it_lapses(store: Store, claimed: Callable[..., Head]) -> None:
    head = done(store, claimed)
    assert isinstance(store.put_part(callback_moves.begin_delivery(head, NOW)), Written)
    just_before = callback_moves.begin_delivery(head, NOW + DELIVERY_LEASE_MS - 1)
    assert isinstance(store.put_part(just_before), Unwritten)
    assert isinstance(store.put_part(callback_moves.begin_delivery(head, NOW + DELIVERY_LEASE_MS)), Written)


def test_a_claim_of_a_try_that_botocore_repeats_is_recognised(store: Store, claimed: Callable[..., Head]) -> None:
    move = callback_moves.begin_delivery(done(store, claimed), NOW)
    assert isinstance(store.put_part(move), Written)
    assert isinstance(store.put_part(move), Written)


def test_a_delivered_callback_disarms_the_run(store: Store, claimed: Callable[..., Head]) -> None:
    head = applied(store, callback_moves.end_delivery(done(store, claimed), "delivered", None, "{}"))
    assert (head.cb_status, head.cb_attempt, head.cb_due, head.due_at) == ("delivered", 1, None, None)


def test_a_failed_try_is_armed_for_the_next_and_told_once(store: Store, claimed: Callable[..., Head]) -> None:
    ended = done(store, claimed)
    move = callback_moves.end_delivery(ended, "pending", NOW + 5_000, '{"n": 1}')
    head = applied(store, move)
    assert (head.cb_status, head.cb_due, head.due_at, head.cb_last) == ("pending", NOW + 5_000, NOW + 5_000, '{"n": 1}')
    assert isinstance(store.apply(callback_moves.end_delivery(ended, "delivered", None, "{}")), Refused)


def test_the_next_try_keeps_the_result_of_the_one_before(store: Store, claimed: Callable[..., Head]) -> None:
    head = applied(store, callback_moves.end_delivery(done(store, claimed), "pending", NOW + 1, '{"n": 1}'))
    store.put_part(callback_moves.begin_delivery(head, NOW + 1))
    tries = store.engine.parts(head.run_id, "delivery#")
    assert [t.get("previous") for t in tries] == ['{"n": 1}']


def test_sending_again_reopens_a_delivered_callback_under_the_same_id(
    store: Store, claimed: Callable[..., Head]
) -> None:
    told = applied(store, callback_moves.end_delivery(done(store, claimed), "delivered", None, "{}"))
    again = applied(store, callback_moves.send_again(told, NOW + 50))
    assert (again.cb_status, again.cb_base, again.cb_due) == ("pending", 1, NOW + 50)
    assert callback_moves.webhook_id(again) == callback_moves.webhook_id(told)


def test_a_redriven_run_tells_under_another_id(store: Store, claimed: Callable[..., Head]) -> None:
    head = claimed(callback_url="https://example.com/")
    failed = applied(store, moves.finish(moves.fence(head), head, Status.FAILED, NOW, {"error": b"\x00{}"}, "t"))
    again = applied(store, moves.redrive(failed, NOW))
    assert callback_moves.webhook_id(again) != callback_moves.webhook_id(failed)
    assert "." not in callback_moves.webhook_id(again)


def test_a_result_for_a_redriven_run_is_refused(store: Store, claimed: Callable[..., Head]) -> None:
    head = claimed(callback_url="https://example.com/")
    failed = applied(store, moves.finish(moves.fence(head), head, Status.FAILED, NOW, {"error": b"\x00{}"}, "t"))
    applied(store, moves.redrive(failed, NOW))
    result = store.apply(callback_moves.end_delivery(failed, "delivered", None, "{}"))
    assert isinstance(result, Refused) and "same generation" in result.arms


def test_a_postponed_callback_is_armed_for_later_and_counts_no_try(store: Store, claimed: Callable[..., Head]) -> None:
    head = applied(store, callback_moves.postpone(done(store, claimed), NOW + 60_000))
    assert (head.cb_due, head.due_at, head.cb_attempt) == (NOW + 60_000, NOW + 60_000, 0)

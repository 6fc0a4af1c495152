"""What is done for an attempt that vanished, or never began. By attend, dispatch, record and direct callers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from invoke_once import log
from invoke_once.handler.settling import was_cancelled
from invoke_once.life import moves
from invoke_once.life.due import backoff_ms, dispatch_wait_ms, may_retry
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store.payloads import Payloads, error_fields
from invoke_once.store.store import Applied, Result, Store

Spread = Callable[[], float]


def lose(
    payloads: Payloads, head: Head, now_ms: int, *, why: str, seen_dead: bool = False, spread: Spread = random.random
) -> Result:
    """Move J for an attempt that is gone: back to the queue if the policy allows, else `failed` with `AttemptLost`.

    A leg that made a checkpoint goes on in another one, if its function's timeouts do; no attempt is spent then.
    """
    store = payloads.store
    if _may_go_on(head):
        outlive(payloads, head, now_ms)
        result = store.apply(moves.lose_leg(head, now_ms, seen_dead=seen_dead))
        if isinstance(result, Applied):
            log.event("leg_lost", run_id=head.run_id, attempt=head.attempt, leg=head.leg, function=head.function,
                      metrics={"LegsLost": 1})  # fmt: skip
            return result
        if not was_cancelled(result) or result.head is None:
            return result
        head = result.head
    result = _lose(payloads, head, now_ms, error_fields("AttemptLost", why), seen_dead, spread)
    if isinstance(result, Applied) and not result.repeated:
        log.event("attempt_lost", run_id=head.run_id, attempt=head.attempt, function=head.function,
                  run_status=result.head.status, metrics={"Lost": 1})  # fmt: skip
    return result


def _may_go_on(head: Head) -> bool:
    newer = head.on_timeout == "continue" and head.state_lease is not None and head.state_lease == head.lease_id
    return newer and head.on_lost == "retry" and head.leg < head.max_legs and not head.cancel_requested


def outlive(payloads: Payloads, head: Head, not_before: int) -> None:
    """Before a run goes back to the queue: its input and its state last until what begins at `not_before` has ended."""
    if head.input_ref is None and head.state_ref is None:
        return
    from invoke_once.store import states

    states.outlive(payloads, head, not_before)


def _lose(payloads: Payloads, head: Head, now_ms: int, error: bytes, seen_dead: bool, spread: Spread) -> Result:
    store = payloads.store
    kept: dict[str, Any] = {}
    if head.slot is not None and head.body_until is not None and not seen_dead:
        kept["slot_until"] = head.body_until  # it may only have missed its beats
    if head.cancel_requested:
        fields = {"status": Status.CANCELLED, **kept}
        return store.apply(moves.lose(head, now_ms, None, fields, seen_dead=seen_dead))
    if head.on_lost == "retry" and may_retry(head):
        not_before = now_ms + backoff_ms(head, spread())
        outlive(payloads, head, not_before)
        result = store.apply(moves.lose(head, now_ms, not_before, {"error": error, **kept}, seen_dead=seen_dead))
        if not was_cancelled(result) or result.head is None:
            return result
        return _lose(payloads, result.head, now_ms, error, seen_dead, spread)
    return store.apply(moves.lose(head, now_ms, None, {"error": error, **kept}, seen_dead=seen_dead))


def give_back(store: Store, head: Head, now_ms: int, error: bytes | None = None) -> Result:
    """Move U for an attempt whose body was certainly not started; looked at again as a dispatch that nobody claimed."""
    not_before = now_ms + dispatch_wait_ms(max(head.attempt_number, 1))
    result = store.apply(moves.give_back(head, not_before, error))
    if was_cancelled(result):
        return store.apply(moves.lose(head, now_ms, None, {"status": Status.CANCELLED}, seen_dead=True))
    if isinstance(result, Applied):
        log.event("attempt_given_back", run_id=head.run_id, attempt=head.attempt, function=head.function)
    return result

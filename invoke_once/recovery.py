"""What is done for an attempt that vanished or failed: retry by backoff, or end it. By attend and direct callers."""

from __future__ import annotations

import random
from collections.abc import Callable

from invoke_once import lifecycle, moves
from invoke_once.lifecycle import Status
from invoke_once.payloads import error_fields
from invoke_once.records import Head
from invoke_once.store import Refused, Result, Store

Spread = Callable[[], float]


def lose(
    store: Store, head: Head, now_ms: int, *, why: str, seen_dead: bool = False, spread: Spread = random.random
) -> Result:
    """Move J for an attempt that is gone: back to the queue if the policy allows, else `failed` with `AttemptLost`."""
    error = error_fields("AttemptLost", why)
    if head.cancel_requested:
        fields = {"status": Status.CANCELLED}
        return store.apply(moves.lose(head, now_ms, None, fields, seen_dead=seen_dead))
    if head.on_lost == "retry" and lifecycle.may_retry(head):
        not_before = now_ms + lifecycle.backoff_ms(head, spread())
        result = store.apply(moves.lose(head, now_ms, not_before, {"error": error}, seen_dead=seen_dead))
        if not (isinstance(result, Refused) and result.head and result.arms == (moves.NOT_CANCELLED,)):
            return result
        return lose(store, result.head, now_ms, why=why, seen_dead=seen_dead, spread=spread)
    return store.apply(moves.lose(head, now_ms, None, {"error": error}, seen_dead=seen_dead))

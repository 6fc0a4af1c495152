"""How an attempt's end is recorded: back to the queue while a retry is left, else the outcome; cancelled if asked for.

By the attempt itself, and by the service for functions nobody wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from invoke_once.handler.outcomes import Outcome
from invoke_once.life import moves
from invoke_once.life.due import may_retry
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Refused, Result

NOTHING: Mapping[str, Any] = {}


def settle(
    payloads: Payloads,
    fence: moves.Fence,
    head: Head,
    outcome: Outcome,
    now_ms: int,
    token: str,
    *,
    again_at: Callable[[], int],
    apply: Callable[[Move], Result],
    told: Mapping[str, Any] = NOTHING,
) -> Result:
    """Moves I or H, under the fence. `token` is kept over tries of this same write.

    `again_at` says when the next attempt may begin (in ms), and sees to it that what it needs lasts until then; it is
    asked only if there is to be one. `told` goes into the head with the outcome.
    Raises `StoreUnavailable`, and `PayloadTooLarge` for an output.
    """
    if outcome.retriable and outcome.error is not None and may_retry(head):
        again = apply(moves.requeue(fence, head, again_at(), outcome.error, token, told.get("slot_until")))
        if not was_cancelled(again):
            return again
        outcome = Outcome(Status.CANCELLED)
    fields = {**told, **_kept(payloads, head, outcome)}
    return apply(moves.finish(fence, head, outcome.status, now_ms, fields, token))


def _kept(payloads: Payloads, head: Head, outcome: Outcome) -> dict[str, Any]:
    """The head's fields of the output, which is put where it fits, or of the error."""
    if outcome.output is not None:
        return payloads.keep_output(head, outcome.output)
    return {"error": outcome.error} if outcome.error is not None else {}


def was_cancelled(result: Result) -> bool:
    """The move would have been made, had nobody asked to cancel the run."""
    return isinstance(result, Refused) and result.only(moves.NOT_CANCELLED)

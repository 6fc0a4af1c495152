"""An event of the service's: claim its run, run the body, record what came of it.

A duplicate finds a live lease or a finished run, logs one line and *returns*: raising would make Lambda deliver it
again. So does an attempt whose handler raised: its error is recorded, Lambda need not know.
"""

from __future__ import annotations

from typing import Any

from invoke_once import log
from invoke_once.errors import NotClaimed, StoreUnavailable
from invoke_once.handler import given
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.body import run_attempt
from invoke_once.handler.envelope import Envelope
from invoke_once.handler.options import Handler, time_left_ms
from invoke_once.handler.outcomes import Outcome
from invoke_once.handler.runtime import Runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Applied, Result

#: How long a claim is tried while the table is away: given back, the run would wait a minute for its next dispatch. But
#: never for more than a tenth of the lease, which is the body's time.
CLAIM_PATIENCE_MS, PATIENCE_SHARE = 30_000, 10
LATE_MS = 5_000  #: an event older than that waited in Lambda's queue, and its function may have been paused meanwhile


def run_fired(rt: Runtime, handler: Handler, event: Any, context: Any, envelope: Envelope) -> dict[str, Any]:
    """An event of the service's: claim, run, settle.

    Raises `NotClaimed` where the body was not started, and `StoreUnavailable` where its outcome could not be written.
    """
    if envelope.fired_at is not None and envelope.fired_at + LATE_MS < rt.now_ms():
        from invoke_once.handler import paused

        if paused.is_paused(rt, rt.policy.function):
            log.event("paused", run_id=envelope.run_id, function=rt.policy.function)
            return {**_summary(envelope.run_id, None), "paused": True}
    claimed, deadline_ms = claim_run(rt, envelope, context)
    if not isinstance(claimed, Applied):
        return _duplicate(envelope, claimed)
    value = given.read(rt, event, envelope, claimed.head, _patience_ends_ms(rt, claimed.head))
    if isinstance(value, Outcome):
        settled = Attempt(rt, claimed.head, deadline_ms).settle(value)
    else:
        settled, _ = run_attempt(rt, handler, value, context, claimed.head, deadline_ms, envelope.tracestate)
    return _summary(envelope.run_id, settled.head)


def _patience_ends_ms(rt: Runtime, head: Head) -> int:
    now_ms = rt.now_ms()
    return now_ms + min((head.lease_until - LEASE_GRACE_MS - now_ms) // PATIENCE_SHARE, CLAIM_PATIENCE_MS)


def claim_run(rt: Runtime, envelope: Envelope, context: Any) -> tuple[Result, int]:
    """Claim the run of an event. Returns how that went, and when Lambda will end this attempt (ms).

    The clock is read before the time left: a pause in between makes the lease shorter, never too long.
    """
    now_ms = rt.now_ms()
    left_ms = time_left_ms(context)
    lease_ms = min(left_ms, rt.policy.heartbeat_ms) if rt.policy.heartbeat_ms else left_ms
    claim = moves.claim(envelope.run_id, envelope.generation, now_ms, lease_ms, envelope.fired_at,
                        leg=envelope.leg, left_ms=left_ms)  # fmt: skip

    def delayed(error: StoreUnavailable) -> None:
        if error.for_good:
            raise error
        log.event("claim_delayed", run_id=envelope.run_id, reason=str(error))

    until_ms = now_ms + min(lease_ms // PATIENCE_SHARE, CLAIM_PATIENCE_MS)
    lease_id = str(claim.set["lease_id"])
    try:
        result = rt.keep_trying(lambda: rt.store.apply(claim), until_ms, delayed)
    except StoreUnavailable as error:
        raise NotClaimed(lease_id, str(error), error.code) from error
    if isinstance(result, Applied) and rt.now_ms() > now_ms + lease_ms:  # the grace is for clocks that differ
        raise NotClaimed(lease_id, "the answer came when the lease was over")
    return result, now_ms + left_ms


def _duplicate(envelope: Envelope, refused: Any) -> dict[str, Any]:
    head: Head | None = refused.head
    log.event("duplicate_refused", run_id=envelope.run_id, run_status=head.status if head else None,
              because=refused.arms, metrics={"DuplicatesRefused": 1})  # fmt: skip
    return {**_summary(envelope.run_id, head), "duplicate": True}


def _summary(run_id: str, head: Head | None) -> dict[str, Any]:
    return {"run_id": run_id, "status": str(head.status) if head else None}

"""The input of a fired run: in its event, or, where that says so, by the reference in the head that was claimed.

What the event itself names is never read: an event can be forged, a claimed head cannot.
"""

from __future__ import annotations

import json
from typing import Any

from invoke_once import log
from invoke_once.errors import NotClaimed, PayloadCorrupt, StoreUnavailable
from invoke_once.handler import recovery
from invoke_once.handler.envelope import Envelope
from invoke_once.handler.outcomes import Outcome, failed
from invoke_once.handler.runtime import Runtime
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS


def read(rt: Runtime, event: Any, envelope: Envelope, head: Head, until_ms: int) -> Any | Outcome:
    """The input of `head`, or how its attempt ends without one.

    Raises `NotClaimed` where it could not be read by `until_ms`: the attempt is given back, its body was not started.
    """
    if envelope.input_ref is None:
        return event.get("input")

    def delayed(error: StoreUnavailable) -> None:
        if error.for_good:
            raise error
        log.event("input_delayed", run_id=head.run_id, attempt=head.attempt, reason=str(error))

    try:
        text = rt.keep_trying(lambda: rt.payloads.input(head), until_ms, delayed)
        if rt.now_ms() > head.lease_until - LEASE_GRACE_MS:
            raise StoreUnavailable("the input came when the lease was over")
        return json.loads(text)
    except PayloadCorrupt as error:
        return failed("InputLost", str(error))
    except StoreUnavailable as error:
        if error.for_good:
            return failed("InputNotRead", f"the input could not be read: {error}")
        raise _given_back(rt, head, str(error)) from error


def _given_back(rt: Runtime, head: Head, why: str) -> NotClaimed:
    try:
        recovery.give_back(rt.store, head, rt.now_ms())
    except StoreUnavailable:  # the service does it, by the lease, when Lambda reports this error
        return NotClaimed(head.lease_id or "", why)
    return NotClaimed("", why)

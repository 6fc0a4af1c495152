"""Holding a call until something has happened: the store is asked again and again, at first often.

A held call keeps a sandbox of the API for itself, and so one of the account's concurrent executions. So holds have
places (runs/holds.py), and where all are taken the answer comes at once: the caller looks again after Retry-After.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from chalicelib.api.call import Call
from chalicelib.api.headers import Headers
from invoke_once.life.head import Head

FIRST_PAUSE_S, QUICK_PAUSE_S, QUICK_S, PAUSE_S = 0.1, 0.25, 2.5, 1.0

MAX_WAIT_S = 25
T = TypeVar("T", bound=Head)
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def wait_seconds(headers: Headers) -> int | None:
    """`Prefer: wait=N` (RFC 7240), at most 25; None: not asked for, or not so that it parses. The first counts."""
    for value in headers.get("prefer", ()):
        for part in value.split(","):
            found = _WAIT.fullmatch(part)
            if found:
                return min(int(found[1]), MAX_WAIT_S)
    return None


def hold(call: Call, head: T, enough: Callable[[T], bool], again: Callable[[], T | None] | None = None) -> T:
    """The run as soon as `enough` of it holds, or as it is when the wait that was asked for is over.

    `again` looks it up, where it is no run.

    It is counted from the request's begin: firing may have been slow, and the gateway gives up after 29 s. Gone
    meanwhile: as it was last.
    """
    asked_s = wait_seconds(call.headers)
    if asked_s is None:
        return head
    svc, until_ms = call.service, call.began_ms + asked_s * 1000
    look: Callable[[], Any] = again or (lambda: svc.store.get(head.run_id, svc.now_ms()))
    call.waited_s = asked_s
    if svc.now_ms() >= until_ms or enough(head):
        return head
    place = call.backend.holds.take(svc.store, call.tenant, svc.now_ms(), until_ms, svc.spread)
    if place is None:
        call.waited_s = None
        return head
    try:
        for pause_s in _pauses():
            left_s = (until_ms - svc.now_ms()) / 1000
            if left_s <= 0:
                return head
            call.backend.sleep(min(pause_s, left_s))
            head = look() or head
            if enough(head):
                return head
    finally:
        call.backend.holds.leave(svc.store, place)
    return head


def _pauses() -> Iterator[float]:
    """Often for the first seconds, in which a quick run is likely to end; then once a second."""
    yield FIRST_PAUSE_S
    for _ in range(round(QUICK_S / QUICK_PAUSE_S)):
        yield QUICK_PAUSE_S
    while True:
        yield PAUSE_S

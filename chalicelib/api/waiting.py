"""Holding a call until something has happened: the store is asked again and again, at first often.

A held call keeps a sandbox of the API for itself, and so one of the account's concurrent executions. So holds have
places (runs/holds.py), and where all are taken the answer comes at once: the caller looks again after Retry-After.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from chalice.app import Response

from chalicelib.api.call import Call, reply
from chalicelib.api.headers import Headers
from chalicelib.runs.limits import OverLimit

FIRST_PAUSE_S, QUICK_PAUSE_S, QUICK_S, PAUSE_S = 0.1, 0.25, 2.5, 1.0

MAX_WAIT_S = 25
T = TypeVar("T")
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def wait_seconds(headers: Headers) -> int | None:
    """`Prefer: wait=N` (RFC 7240), at most 25; None: not asked for, or not so that it parses. The first counts."""
    for value in headers.get("prefer", ()):
        for part in value.split(","):
            found = _WAIT.fullmatch(part)
            if found:
                return min(int(found[1]), MAX_WAIT_S)
    return None


def hold(call: Call, seen: T, enough: Callable[[T], bool], again: Callable[[], T | None]) -> T:
    """What is polled (`again` looks it up) as soon as `enough` of it holds, or when the wait asked for is over.

    It is counted from the request's begin: firing may have been slow, and the gateway gives up after 29 s. Gone
    meanwhile: as it was last.
    """
    asked_s = wait_seconds(call.headers)
    if asked_s is None:
        return seen
    svc, until_ms = call.service, call.began_ms + asked_s * 1000
    call.waited_s = asked_s
    if svc.now_ms() >= until_ms or enough(seen):
        return seen
    place = call.backend.holds.take(svc.store, call.tenant, svc.now_ms(), until_ms, svc.spread)
    if place is None:
        call.waited_s = None
        return seen
    try:
        for pause_s in _pauses():
            left_s = (until_ms - svc.now_ms()) / 1000
            if left_s <= 0:
                return seen
            call.backend.sleep(min(pause_s, left_s))
            seen = again() or seen
            if enough(seen):
                return seen
    finally:
        call.backend.holds.leave(svc.store, place)
    return seen


def worth_telling(call: Call, ended: bool, etag: Callable[[], str]) -> bool:
    """It has ended, or it differs from the state the caller knows."""
    if ended or "if-none-match" not in call.headers:
        return ended
    return not call.matches(etag())


def within_limits(call: Call, excused: Callable[[], bool]) -> None:
    """Raises `OverLimit` for a start over its tenant's limits, unless it is `excused`: a repeat starts nothing."""
    try:
        call.backend.limits.start(call.service.store, call.tenant, call.began_ms, call.service.spread)
    except OverLimit:
        if not excused():
            raise


def started(call: Call, response: Response, where: str, *, replayed: bool) -> Response:
    """`response` to a POST, with where to look at what it has started, or had started before."""
    response.headers["Location"] = call.relative(where)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def polled(
    call: Call, text: str, etag: str, retry_after_s: int | None, status: int, *, if_none_match: bool = False
) -> Response:
    """A document with what a poller needs to know. `retry_after_s` None: it has ended.

    `if_none_match`: 304 where the caller has this state.
    """
    named = {"ETag": etag}
    if retry_after_s is not None:
        named["Retry-After"] = str(retry_after_s)
    if call.waited_s is not None:
        named["Preference-Applied"] = f"wait={call.waited_s}"
    known = if_none_match and call.matches(etag)
    return reply(None, 304, named) if known else reply(text, status, named)


def _pauses() -> Iterator[float]:
    """Often for the first seconds, in which a quick run is likely to end; then once a second."""
    yield FIRST_PAUSE_S
    for _ in range(round(QUICK_S / QUICK_PAUSE_S)):
        yield QUICK_PAUSE_S
    while True:
        yield PAUSE_S

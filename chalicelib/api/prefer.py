"""`Prefer: wait=N` (RFC 7240): how long a caller would have its call held. What does not parse is ignored."""

from __future__ import annotations

import re

from chalicelib.api.headers import Headers

MAX_WAIT_S = 25
_WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]{1,6})"?\s*(?:;.*)?', re.IGNORECASE | re.DOTALL)


def wait_seconds(headers: Headers) -> int | None:
    """Seconds to hold the call, at most 25; None: not asked for. The first `wait` counts."""
    for value in headers.get("prefer", ()):
        for part in value.split(","):
            found = _WAIT.fullmatch(part)
            if found:
                return min(int(found[1]), MAX_WAIT_S)
    return None

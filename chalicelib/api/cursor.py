"""Cursors: a position in a list, sealed so that only the caller it was made for, asking the same, can use it.

    base64url( HMAC-SHA256, cut to 16 bytes  ·  JSON [issued at, position] )      the HMAC also covers what was asked

The position holds only what its tenant may know. Tampered, foreign, of another query, older than a day: refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.api.problems import InvalidCursor

VALID_MS = 86_400_000
_MAC_BYTES = 16
_FORM = re.compile(r"[A-Za-z0-9_-]{24,4096}")
_TELL = "Pass next_cursor as it was given, with the same query, within a day."

Keys = Callable[[int], Sequence[bytes]]


def seal(keys: Keys, asked: Sequence[Any], position: Any, now_ms: int) -> str:
    """`asked`: whose list of what, with which filters."""
    body = _text([now_ms, position])
    return _encode(_mac(keys(now_ms)[0], asked, body) + body)


def unseal(keys: Keys, asked: Sequence[Any], cursor: str, now_ms: int) -> Any:
    """The position in a cursor that `seal` made for the same `asked`. Raises InvalidCursor."""
    if not _FORM.fullmatch(cursor):
        raise InvalidCursor(_TELL)
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCursor(_TELL) from None
    mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
    if _encode(data) != cursor or not any(hmac.compare_digest(mac, _mac(key, asked, body)) for key in keys(now_ms)):
        raise InvalidCursor(_TELL)
    issued_ms, position = json.loads(body)
    if now_ms - issued_ms > VALID_MS:
        raise InvalidCursor(_TELL)
    return position


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _mac(key: bytes, asked: Sequence[Any], body: bytes) -> bytes:
    asked_bytes = _text(asked)
    message = len(asked_bytes).to_bytes(4, "big") + asked_bytes + body
    return hmac.digest(key, message, hashlib.sha256)[:_MAC_BYTES]


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()

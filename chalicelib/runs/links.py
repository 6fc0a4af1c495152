"""Links: a token that reads one run and its output, or one batch and its results, for a time. Nothing is stored for it.

    oncelink_ + base64url( HMAC-SHA256, cut to 24 bytes  ·  ID:CREATED_AT:EXPIRES_AT )

It is bound to the id and the creation (ms), because an id is used again once its run or batch is forgotten. The keys
come from the master key: a day after a rotation the links of before it open nothing any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable

from msgspec import Struct

from invoke_once.life.head import Head

PREFIX = "oncelink_"
_MAC_BYTES = 24
_FORM = re.compile(r"oncelink_([A-Za-z0-9_-]{60,200})")
_BODY = re.compile(r"(?P<id>[a-z0-9_]{8,64}):(?P<created_at>\d{1,16}):(?P<expires_at>\d{1,12})")


class Link(Struct, frozen=True):
    """What a token stands for. `created_at` in ms, `expires_at` in seconds."""

    id: str
    created_at: int
    expires_at: int

    def is_to(self, kind: str) -> bool:
        """To a "run", a "batch": its id says so."""
        return self.id.startswith(f"{kind}_")

    def opens(self, head: Head) -> bool:
        return (head.run_id, head.created_at) == (self.id, self.created_at)


def seal(key: bytes, link: Link) -> str:
    body = f"{link.id}:{link.created_at}:{link.expires_at}".encode()
    return PREFIX + base64.urlsafe_b64encode(_mac(key, body) + body).decode().rstrip("=")


def unseal(keys: Iterable[bytes], text: str, now_ms: int) -> Link | None:
    """The link of a token that one of the keys has sealed and whose time is not over."""
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    try:
        data = base64.urlsafe_b64decode(form[1] + "=" * (-len(form[1]) % 4))
    except (binascii.Error, ValueError):
        return None
    mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(key, body)) for key in keys):
        return None
    found = _BODY.fullmatch(body.decode())
    link = found and Link(found["id"], int(found["created_at"]), int(found["expires_at"]))
    return link if link and now_ms < link.expires_at * 1000 else None


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]

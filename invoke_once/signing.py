"""Standard Webhooks signatures: `sign` for the sender, `verify` for whoever receives a callback.

    from invoke_once.signing import verify
    event = verify("whsec_…", request.headers, request.get_data())   # {"type", "timestamp", "data"}

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, HMAC-SHA256, exactly the bytes on the wire.
Only the standard library is imported. Every refusal is one `SignatureError`; comparison is constant in time.
A verified event may still come twice: keep the `webhook-id` for as long as you need to know it again.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from invoke_once.errors import SignatureError

PREFIX = "whsec_"
TOLERANCE_S = 300
_SECRET_BYTES = range(24, 65)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_\-]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def sign(secret: str, msg_id: str, timestamp_s: int, body: bytes) -> str:
    """The signature of one message, `v1,<base64>`; join those of several secrets with a space.

    Raises SignatureError for a secret that is none, or an id that could be read in two ways (a `.` in it).
    """
    if not _MESSAGE_ID.fullmatch(msg_id):
        raise SignatureError("a webhook-id is 1 to 256 letters, digits, '-' and '_'")
    return "v1," + base64.b64encode(_digest(_key(secret), msg_id, str(int(timestamp_s)), body)).decode()


def verify(
    secrets: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    now: Callable[[], float] = time.time,
    tolerance_s: float = TOLERANCE_S,
) -> dict[str, Any]:
    """The event in `body`, if one of the secrets signed it no longer than `tolerance_s` ago.

    `headers`: any mapping, names in any case. `body`: the bytes as received, before any JSON is parsed.
    Raises SignatureError, and nothing else, whatever was received.
    """
    if not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise SignatureError("the body is no bytes: pass it as it was received, before any JSON is parsed")
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    msg_id, timestamp, signatures = _read_headers(headers)
    _check_age(timestamp, now(), tolerance_s)
    keys = [_key(s) for s in ([secrets] if isinstance(secrets, str) else secrets)]
    expected = [_digest(key, msg_id, timestamp, raw) for key in keys]
    if not _any_equal(expected, signatures):
        raise SignatureError("no signature matches: wrong secret, or the message was changed on its way")
    return _event(raw)


def _read_headers(headers: Mapping[str, str]) -> tuple[str, str, list[bytes]]:
    """Id, timestamp and the `v1` signatures, decoded; parts of another version or shape are skipped."""
    found = {str(name).lower(): str(value) for name, value in headers.items()}
    missing = [n for n in ("webhook-id", "webhook-timestamp", "webhook-signature") if not found.get(n)]
    if missing:
        raise SignatureError(f"missing header {', '.join(missing)}")
    parts = (part.partition(",") for part in found["webhook-signature"].split())
    signatures = [_base64(value) for version, _, value in parts if version == "v1"]
    return found["webhook-id"], found["webhook-timestamp"], [s for s in signatures if s]


def _check_age(timestamp: str, now_s: float, tolerance_s: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("webhook-timestamp is not a number of seconds since 1970")
    age_s = now_s - int(timestamp)
    if abs(age_s) > tolerance_s:
        raise SignatureError(f"webhook-timestamp is too {'old' if age_s > 0 else 'new'} by more than {tolerance_s:g} s")


def _any_equal(expected: list[bytes], signatures: list[bytes]) -> bool:
    """True when any pair is equal. Every pair is compared, so that time tells nothing of which one was."""
    return sum(hmac.compare_digest(e, s) for e in expected for s in signatures) > 0


def _digest(key: bytes, msg_id: str, timestamp: str, body: bytes) -> bytes:
    head = f"{msg_id}.{timestamp}.".encode("utf-8", "surrogatepass")
    return hmac.new(key, head + body, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    """The key in a `whsec_…` secret. A short or empty one is refused: anybody could have signed with it."""
    key = _base64(secret.removeprefix(PREFIX)) if isinstance(secret, str) else b""
    if len(key) not in _SECRET_BYTES:
        raise SignatureError(f"not a webhook secret: {PREFIX} and the base64 of 24 to 64 bytes")
    return key


def _base64(text: str) -> bytes:
    """The bytes, or none where this is not base64 (never an error: callers refuse an empty result)."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def _event(raw: bytes) -> dict[str, Any]:
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise SignatureError("the signature is right, but the body is not a JSON object")
    return event

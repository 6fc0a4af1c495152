"""Reading request headers: every value that was sent counts, not the last one alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.api.problems import InvalidKey, UnsupportedMediaType
from invoke_once.life.keys import RESERVED_KEYS

Headers = Mapping[str, Sequence[str]]  #: by lower-case name

MAX_KEY = 255
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}")
#: One `;`, with a parameter or none. Read one after the other: a pattern for all of them would try every way to
#: share the spaces between two.
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?:(?P<name>{_TOKEN})=(?P<value>{_TOKEN}|"[^"\\]*"))?')
LONGEST_MEDIA_TYPE = 1_000
_QUOTED_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")  # longer ones may be left out (W3C Trace Context, "tracestate Limits")
# a bare key is no other structured-field value: no list, parameter, inner list, byte sequence, boolean
_BARE_KEY = re.compile(r"(?![:?])[\x21\x23-\x27\x2a\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")


def of_event(event: Mapping[str, Any]) -> dict[str, list[str]]:
    """All header values of an API Gateway event, by lower-case name."""
    found: dict[str, list[str]] = {}
    many = event.get("multiValueHeaders")
    if isinstance(many, Mapping):
        for name, values in many.items():
            found.setdefault(str(name).lower(), []).extend(str(v) for v in values or ())
    single = event.get("headers")
    if isinstance(single, Mapping):
        for name, value in single.items():
            found.setdefault(str(name).lower(), [str(value)] if value is not None else [])
    return found


def require_json(headers: Headers) -> None:
    """Raises UnsupportedMediaType unless the body is declared as application/json, UTF-8, not compressed."""
    sent = headers.get("content-type", ())
    text = sent[0].strip(" \t\r\n") if len(sent) == 1 and len(sent[0]) <= LONGEST_MEDIA_TYPE else ""
    match = _MEDIA_TYPE.match(text)
    if match is None or match[0].lower() != "application/json":
        raise UnsupportedMediaType
    at = match.end()
    while at < len(text):
        found = _PARAMETER.match(text, at)
        charset = found is not None and (found["name"] or "").lower() == "charset"
        if found is None or (charset and found["value"].strip('"').lower() not in ("utf-8", "utf8")):
            raise UnsupportedMediaType
        at = found.end()
    if any(coding.strip().lower() not in ("", "identity") for coding in headers.get("content-encoding", ())):
        raise UnsupportedMediaType


def idempotency_key(headers: Headers) -> str | None:
    """The key, quoted (draft-ietf-httpapi-idempotency-key-header) or bare; None where none was sent."""
    sent = headers.get("idempotency-key", ())
    if not sent:
        return None
    if len(sent) > 1:
        raise InvalidKey("Send one Idempotency-Key.")
    text = sent[0].strip(" \t")
    quoted = _QUOTED_KEY.fullmatch(text)
    if quoted:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE_KEY.fullmatch(text):
        key = text
    else:
        raise InvalidKey('An Idempotency-Key is a quoted string of visible ASCII characters: "my-key".')
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidKey(f"An Idempotency-Key has 1 to {MAX_KEY} characters.")
    if key.startswith(RESERVED_KEYS):
        raise InvalidKey(f"Keys that begin with {RESERVED_KEYS} are made by direct calls alone.")
    return key


def trace_context(headers: Headers) -> tuple[str | None, str | None]:
    """(traceparent, tracestate) as they came (W3C Trace Context). What does not parse is ignored, as it says."""
    sent = headers.get("traceparent", ())
    parent = sent[0].strip(" \t") if len(sent) == 1 else ""
    if not _TRACEPARENT.fullmatch(parent):
        return None, None
    state = ",".join(headers.get("tracestate", ())).strip(" \t")
    return parent, state if _TRACESTATE.fullmatch(state) else None


def matches_etag(headers: Headers, etag: str) -> bool:
    """Whether `If-None-Match` names this state (weak comparison, RFC 9110 section 13.1.2)."""
    wanted = etag.removeprefix("W/")
    for value in headers.get("if-none-match", ()):
        if value.strip() == "*" or wanted in re.findall(r'"[^"]*"', value):
            return True
    return False


def accepts(headers: Headers, media_type: str) -> bool:
    """Whether `Accept` names this type expressly."""
    return any(
        part.split(";")[0].strip().lower() == media_type
        for value in headers.get("accept", ())
        for part in value.split(",")
    )

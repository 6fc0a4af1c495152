"""The event that the service fires, and how the wrapper tells it from any other event.

    tracked       {"invoke_once": {"run_id", "generation", "attempt", "fired_at", "v": 1[, "leg", "input_ref"]},
                   "input": any}
    destination   {...the input's own members, "invoke_once": {"run_id", "generation", "attempt", "lease_id", "v": 1}}

Both may have `traceparent`, and the first event of a run `tracestate` (W3C Trace Context), as its start had them.

`attempt` is the attempt that the event is to begin (tracked), or has (destination). `leg`: it goes on in that leg.

Lambda takes 1 MB in an asynchronous invocation (API reference, Invoke; older pages say 256 KB), in bytes as sent: a
larger input of a tracked function goes by reference (`given.py`). A destination's record holds request
and response together in 1 MB (Developer Guide, "Capturing records"), so an unwrapped function's input has less.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from invoke_once.life.head import Head

MEMBER = "invoke_once"
INLINE_EVENT_BYTES = 900_000
MAX_DESTINATION_INPUT_BYTES = 400_000


class Envelope(NamedTuple):
    """Which run an event is for."""

    run_id: str
    generation: str
    attempt: int | None = None
    lease_id: str | None = None
    fired_at: int | None = None
    input_ref: str | None = None
    tracestate: str | None = None
    leg: int | None = None


def fired_event(head: Head, text: bytes, now_ms: int, tracestate: str | None = None) -> bytes:
    """The payload that fires a tracked function; `text` is the input's JSON text, embedded as it is."""
    meta: dict[str, Any] = {"run_id": head.run_id, "generation": head.generation, "attempt": head.attempt + 1,
                            "fired_at": now_ms, "v": 1, **_trace(head, tracestate)}  # fmt: skip
    if head.between_legs:
        meta["leg"] = head.leg
    event = _event(meta, text)
    if len(event) <= INLINE_EVENT_BYTES or head.input_ref is None:
        return event
    return _event(meta | {"input_ref": head.input_ref}, b"null")


def _trace(head: Head, tracestate: str | None) -> dict[str, str]:
    if head.traceparent is None:
        return {}
    return {"traceparent": head.traceparent} | ({"tracestate": tracestate} if tracestate else {})


def _event(meta: dict[str, Any], text: bytes) -> bytes:
    return b'{"%s":%s,"input":%s}' % (MEMBER.encode(), json.dumps(meta).encode(), text)


def merged_event(head: Head, text: bytes, tracestate: str | None = None) -> bytes:
    """The payload that fires an unwrapped function: its input, an object, with one reserved member.

    Ours comes last: of two members with one name, JSON readers take the last.
    """
    meta = {"run_id": head.run_id, "generation": head.generation, "attempt": head.attempt,
            "lease_id": head.lease_id, "v": 1, **_trace(head, tracestate)}  # fmt: skip
    body = b"{}" if text.strip() == b"null" else text.strip()
    if not is_object(body):
        raise ValueError("the input of an unwrapped function is an object")
    members = body[:-1].rstrip()
    comma = b"" if members == b"{" else b","
    return b'%s%s"%s":%s}' % (members, comma, MEMBER.encode(), json.dumps(meta).encode())


def is_object(text: bytes) -> bool:
    """Whether JSON text is an object, or null, which stands for an empty one."""
    return text.strip()[:1] == b"{" or text.strip() == b"null"


_OPTIONAL = ("attempt", "lease_id", "fired_at", "input_ref", "leg", "tracestate")


def envelope_of(event: Any) -> Envelope | None:
    """Which run the event is for; None: nobody's, it is a direct invocation."""
    meta = event.get(MEMBER) if isinstance(event, dict) else None
    if not isinstance(meta, dict) or not isinstance(meta.get("run_id"), str):
        return None
    known = {name: meta[name] for name in _OPTIONAL if meta.get(name) is not None}
    return Envelope(meta["run_id"], str(meta.get("generation", "")), **known)

"""Inputs and outputs: JSON text kept byte for byte, in the head, in an item of its own, or in S3.

    input    head while it stays within one write unit · item up to 8 KB packed · S3 object
    output   head up to 8 KB packed · S3 object

A packed payload is one byte that says how (0 plain, 1 zlib) and the text; text over 1 KB is compressed where that
makes it shorter. S3 objects are plain, so that a presigned link gives any client the JSON text itself.
Their keys begin with the function, so that a role can be limited to its own.
Writing 8 KB to DynamoDB costs about what one S3 PUT does (AWS price lists, on-demand writes and S3 Standard PUT).
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from invoke_once.errors import PayloadCorrupt, PayloadTooLarge
from invoke_once.life.conditions import equals
from invoke_once.life.head import Head, to_item
from invoke_once.life.move import Arm, Move
from invoke_once.store.store import Store
from invoke_once.store.texts import MESSAGE_CHARS, TRACE_CHARS, clean

MAX_INPUT_BYTES = 5 * 1024 * 1024  #: within Lambda's 6 MB request, of which API Gateway's envelope takes a part
MAX_DIRECT_BYTES = 8 * 1024 * 1024  #: more than Lambda takes (6 MB): a direct call is never refused for its size
MAX_OUTPUT_BYTES = 10 * 1024 * 1024  #: what API Gateway can carry (its payload quota)
MAX_ITEM_BYTES = 8 * 1024  #: packed
MAX_INLINE_TEXT = 64 * 1024  #: unpacked: it is read, and shown in the run, with every look at it
HEAD_ROOM_BYTES = 832  #: a new head up to this stays within 1 KB when the claim has added its fields
COMPRESS_OVER_BYTES = 1024
PLAIN, ZLIB = b"\x00", b"\x01"


class Objects(Protocol):
    """Large payloads by key. Raises `StoreUnavailable` alone; `get` of an absent key raises `PayloadCorrupt`."""

    def put(self, key: str, data: bytes) -> None: ...

    def get(self, key: str) -> bytes: ...

    def url(self, key: str, seconds: int) -> str: ...


def pack(text: bytes) -> bytes:
    if len(text) > COMPRESS_OVER_BYTES:
        short = zlib.compress(text, 6)
        if len(short) < len(text):
            return ZLIB + short
    return PLAIN + text


def unpack(data: bytes) -> bytes:
    return zlib.decompress(data[1:]) if data[:1] == ZLIB else data[1:]


def sha(text: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip("=")


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes DynamoDB counts for an item (Developer Guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Any) -> int:
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, (int, float)):
        return (len(str(value).lstrip("-").strip("0.")) + 1) // 2 + 1
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


class Payloads:
    """Keeps and finds payloads: the store for items, `objects` for S3."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self.store = store
        self.objects = objects

    def keep_input(
        self, function: str, run_id: str, text: bytes, head_size: int, expires_at: int, limit: int = MAX_INPUT_BYTES
    ) -> dict[str, Any]:
        """Put the input where it fits, before its head, and return the head's fields for it."""
        if len(text) > limit:
            raise PayloadTooLarge(f"the input has {len(text)} bytes; the limit is {limit}")
        packed, size = pack(text), {"input_size": len(text)}
        if fits_head(text, head_size):
            return {"input": packed, **size}
        name = sha(text)
        if fits_an_item(packed, text):
            part = f"input#{name}"
            item = {"run_id": run_id, "part": part, "input": packed, "expires_at": expires_at}
            self.store.put_part(Move("input", run_id, (), item, part=part, replace=True))
            return {"input_ref": f"item:{name}", **size}
        key = f"{function}/in/{run_id}/{name}.json"
        self.objects.put(key, text)
        return {"input_ref": f"s3:{key}", **size}

    def with_input(self, draft: Move, text: bytes, limit: int = MAX_INPUT_BYTES) -> Move:
        """`draft`, the move that begins a run, with its input: put now, or in the head where it has room."""
        head = draft.set
        kept = self.keep_input(head["function"], draft.run_id, text, item_size(head), head["expires_at"], limit)
        return replace(draft, set=to_item({**head, **kept}))

    def renew_input(self, head: Head, expires_at: int) -> None:
        """Let an input of its own live until `expires_at` (s): its run does. What is gone already stays gone."""
        kind, _, name = (head.input_ref or "").partition(":")
        if kind == "item":
            there = (Arm("still there", equals("run_id", head.run_id)),)
            part = f"input#{name}"
            self.store.put_part(Move("input", head.run_id, there, {"expires_at": expires_at}, part=part))
        elif kind == "s3":
            self.renew_object(name)

    def renew_object(self, key: str) -> None:
        with suppress(PayloadCorrupt):
            self.objects.put(key, self.objects.get(key))

    def input(self, head: Head) -> bytes:
        """The input's JSON text. `null` where none was given."""
        if head.input is not None:
            return unpack(head.input)
        if head.input_ref is None:
            return b"null"
        kind, _, name = head.input_ref.partition(":")
        return self.object(name) if kind == "s3" else self.input_item(head.run_id, name)

    def input_item(self, run_id: str, name: str) -> bytes:
        item = self.store.part(run_id, f"input#{name}")
        if item is None:
            raise PayloadCorrupt("the stored input is missing")
        return checked(unpack(item["input"]), name)

    def keep_object(self, key: str, data: bytes) -> str:
        """Keep what is no run's payload, and return the reference to it."""
        self.objects.put(key, data)
        return f"s3:{key}"

    def object(self, key: str) -> bytes:
        return self.objects.get(key)

    def keep_output(self, head: Head, text: bytes) -> dict[str, Any]:
        """Put the output where it fits and return the head's fields for it. The head's own write commits it."""
        if len(text) > MAX_OUTPUT_BYTES:
            raise PayloadTooLarge(f"the output has {len(text)} bytes; the limit is {MAX_OUTPUT_BYTES}")
        packed, known = pack(text), {"output_size": len(text), "output_sha": sha(text)}
        if fits_an_item(packed, text):
            return {"output": packed, **known}
        key = f"{head.function}/out/{head.run_id}/{head.generation}/{head.attempt}-{head.lease_id}.json"
        self.objects.put(key, text)
        return {"output_ref": f"s3:{key}", **known}

    def output(self, head: Head) -> bytes:
        """The output's JSON text, checked against the hash the outcome recorded."""
        text = unpack(head.output) if head.output is not None else self.object(output_key(head))
        return checked(text, head.output_sha)

    def input_url(self, head: Head, seconds: int = 300) -> str:
        """The same for an input that lies in S3."""
        return self.objects.url((head.input_ref or "").removeprefix("s3:"), seconds)

    def output_url(self, head: Head, seconds: int = 300) -> str:
        """A link to a large output that needs no token; it gives the JSON text for `seconds`."""
        return self.objects.url(output_key(head), seconds)


def fits_head(text: bytes, head_size: int) -> bool:
    """Whether an input goes into a head that has `head_size` bytes without it."""
    return len(text) <= MAX_INLINE_TEXT and head_size + len(pack(text)) <= HEAD_ROOM_BYTES


def fits_an_item(packed: bytes, text: bytes) -> bool:
    return len(packed) <= MAX_ITEM_BYTES and len(text) <= MAX_INLINE_TEXT


def output_key(head: Head) -> str:
    if head.output_ref is None:
        raise PayloadCorrupt("the run has no output")
    return head.output_ref.removeprefix("s3:")


def error_fields(type_: str, message: str, trace: str | None = None) -> bytes:
    """An error as the head keeps it: packed, cut to a size (message 4 000 characters, the trace's last 4 000)."""
    body = {
        "type": clean(type_, 200),
        "message": clean(message, MESSAGE_CHARS),
        "trace": clean(trace[-TRACE_CHARS:], TRACE_CHARS) if trace else None,
    }
    return pack(json.dumps(body, ensure_ascii=False).encode())


def error_of(head: Head) -> dict[str, Any] | None:
    return None if head.error is None else error_in(head.error) or None


def error_in(fields: bytes) -> dict[str, Any]:
    """What `error_fields` packed."""
    found = json.loads(unpack(fields))
    return found if isinstance(found, dict) else {}


def checked(text: bytes, expected: str | None) -> bytes:
    if expected is not None and sha(text) != expected:
        raise PayloadCorrupt
    return text

"""What the outside sees of a run: one document, in every answer and callback, with an allow-list of fields."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.runs import waiting
from chalicelib.service import Service
from invoke_once.life.head import Head
from invoke_once.store.payloads import error_of, unpack

Document = dict[str, Any]

#: A larger output is not in the document; `links.output` leads to it. A page of 100 runs stays within a response.
INLINE_OUTPUT_BYTES = 16 * 1024


def run_document(svc: Service, head: Head, links_base: str = "/runs/") -> Document:
    """The run as a dict. `links_base` goes before the run's id in `links`: a callback has paths below the API's URL."""
    return _fields(head, links_base) | {"output": json.loads(_output_text(svc, head))}


#: What a link shows; the rest of a run is for who has a token.
FOR_LINKS = frozenset({
    "id", "function", "status", "attempt", "max_attempts", "leg", "progress", "created_at", "started_at",
    "attempt_started_at", "next_attempt_at", "waiting_for", "finished_at", "expires_at", "cancel_requested",
})  # fmt: skip


def run_json(svc: Service, head: Head, links_base: str = "/runs/", *, for_link: bool = False) -> str:
    """The same as JSON text; the output is the handler's own JSON text, byte for byte."""
    document = _fields(head, links_base)
    fields = json.dumps(_for_link(document) if for_link else document, ensure_ascii=False, separators=(",", ":"))
    return f'{fields[:-1]},"output":{_output_text(svc, head)}}}'


def _for_link(document: Document) -> Document:
    error, links = document["error"], dict(document["links"])
    links.pop("deliveries", None)
    shown = {name: value if name in FOR_LINKS else None for name, value in document.items()}
    return shown | {"labels": {}, "error": error and error | {"trace": None}, "links": links}


def etag(text: str) -> str:
    """Names one state of a document. Weak: the gateway may compress the same text differently."""
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def retry_after_s(head: Head, now_ms: int) -> int:
    """When it is worth to look again: soon for a young run, at most every 10 s; not before a delay is over."""
    if head.not_before is not None and head.not_before > now_ms and head.wait_shard is None:
        return min(max(-(-(head.not_before - now_ms) // 1000), 1), 60)
    age_s = (now_ms - (head.attempt_started_at or head.created_at)) / 1000
    return 1 if age_s < 10 else 2 if age_s < 30 else 5 if age_s < 180 else 10


def _fields(head: Head, links_base: str) -> Document:
    return {
        "id": head.run_id,
        "function": head.function,
        "status": str(head.status),
        "idempotency_key": head.key,
        "attempt": head.attempt_number,
        "max_attempts": head.attempt_limit,
        "leg": head.leg,
        "progress": _progress(head),
        "checkpoint": _checkpoint(head),
        "error": _error(head),
        "labels": json.loads(head.labels) if head.labels else {},
        "created_at": rfc3339(head.created_at),
        "started_at": rfc3339(head.started_at),
        "attempt_started_at": rfc3339(head.attempt_started_at),
        "next_attempt_at": rfc3339(waiting.next_attempt_at_ms(head)),
        "waiting_for": waiting.waiting_for(head),
        "finished_at": rfc3339(head.finished_at),
        "expires_at": rfc3339(head.expires_at * 1000),
        "cancel_requested": head.cancel_requested,
        "cancelled_by": head.cancelled_by,
        "batch": None if head.batch is None else {"id": head.batch, "index": head.batch_index or 0},
        "callback": _callback(head),
        "links": _links(head, links_base),
    }


def _progress(head: Head) -> Document | None:
    if head.progress is None and head.message is None:
        return None
    return {"fraction": head.progress, "message": head.message}


def _checkpoint(head: Head) -> Document | None:
    """The newest one; `state` is there while it is in the head, else `links.checkpoint` leads to it.

    And unless it has half of a surrogate pair, which JSON text can escape, and no document can show.
    """
    if not head.has_state:
        return None
    told: Document = {"at": rfc3339(head.state_at), "leg": head.state_leg, "size": head.state_size}
    if head.state is not None and _shows(state := json.loads(unpack(head.state))):
        told["state"] = state
    return told


def _shows(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(head: Head) -> Document | None:
    """Also of a run that waits for its next attempt: why the last one failed."""
    found = error_of(head)
    return None if found is None else {name: found.get(name) for name in ("type", "message", "trace")}


def _callback(head: Head) -> Document | None:
    if head.callback_url is None:
        return None
    return {"url": head.callback_url, "status": head.cb_status or "pending", "attempts": head.cb_attempt}


def _links(head: Head, base: str) -> Document:
    here = base + head.run_id
    parts = ["input", "logs", "cancel", "retry"]
    if head.output_size is not None:
        parts.append("output")
    if head.has_state:
        parts.append("checkpoint")
    if head.callback_url is not None:
        parts.append("deliveries")
    return {"self": here} | {part: f"{here}/{part}" for part in parts}


def _output_text(svc: Service, head: Head) -> str:
    if head.output is None or (head.output_size or 0) > INLINE_OUTPUT_BYTES:
        return "null"
    return svc.payloads.output(head).decode()


def rfc3339(at_ms: int | None) -> str | None:
    """UTC with milliseconds."""
    if at_ms is None:
        return None
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

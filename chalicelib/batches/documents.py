"""What the outside sees of a batch: one document, in every answer and callback."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.runs.documents import rfc3339
from chalicelib.service import Service
from invoke_once.life.batch import Batch
from invoke_once.life.head import Head

Document = dict[str, Any]
_ENDS = ("succeeded", "failed", "timed_out", "cancelled", "expired")


def batch_document(svc: Service, head: Head, links_base: str = "/batches/") -> Document:
    """The batch as a dict. `head` is a `Batch`: a callback's sender knows heads alone."""
    assert isinstance(head, Batch)
    return document(head, links_base)


def document(batch: Batch, links_base: str = "/batches/") -> Document:
    return {
        "id": batch.run_id,
        "function": batch.function,
        "status": str(batch.status),
        "idempotency_key": batch.key,
        "counts": counts(batch),
        "labels": json.loads(batch.labels) if batch.labels else {},
        "max_running": batch.max_running,
        "cancel_requested": batch.cancel_requested,
        "cancelled_by": batch.cancelled_by,
        "created_at": rfc3339(batch.created_at),
        "finished_at": rfc3339(batch.finished_at),
        "expires_at": rfc3339(batch.expires_at * 1000),
        "callback": _callback(batch),
        "links": _links(batch, links_base),
    }


def for_link(whole: Document) -> Document:
    """What a link shows of it; the rest is for who has a token."""
    links = {name: link for name, link in whole["links"].items() if name != "deliveries"}
    hidden: Document = {
        "idempotency_key": None,
        "labels": {},
        "max_running": None,
        "cancelled_by": None,
        "callback": None,
    }
    return whole | hidden | {"links": links}


def counts(batch: Batch) -> dict[str, int]:
    """As they were counted last."""
    none = {"total": batch.total, "waiting": batch.total, "running": 0, **dict.fromkeys(_ENDS, 0)}
    return none if batch.counts is None else none | json.loads(batch.counts)


def retry_after_s(batch: Batch, now_ms: int) -> int:
    """When it is worth to look again: counts change so often."""
    age_s = (now_ms - batch.created_at) / 1000
    return 1 if age_s < 10 else 2 if age_s < 60 else 5 if age_s < 600 else 10


def _callback(batch: Batch) -> Document | None:
    if batch.callback_url is None:
        return None
    return {"url": batch.callback_url, "status": batch.cb_status or "pending", "attempts": batch.cb_attempt}


def _links(batch: Batch, base: str) -> Document:
    here = base + batch.run_id
    parts = ["runs", "results", "cancel", "retry", *(["deliveries"] if batch.callback_url is not None else [])]
    return {"self": here} | {part: f"{here}/{part}" for part in parts}

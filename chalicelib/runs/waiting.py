"""Why a run waits: what the document says of it, and what AWS or Lambda told when it could not be started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.service import Service
from invoke_once.life import moves
from invoke_once.life.due import queue_clock_runs
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store import payloads


def waiting_for(head: Head) -> str | None:
    """`delay`, `backoff` (before its next attempt), `continue` (before its next leg), `dispatch`, or None.

    dispatch: it was, or will be, fired.
    `paused`, `max_running`, `concurrency`: the gate that it waits at.
    """
    if head.status == Status.SCHEDULED:
        return "delay"
    if head.status != Status.QUEUED:
        return None
    if head.wait_shard is not None:
        from invoke_once.life import gates  # no plain run pays for it

        return gates.kind(head.wait_shard)
    if head.not_before is None or queue_clock_runs(head):
        return "dispatch"
    return "continue" if head.between_legs else "backoff"


def next_attempt_at_ms(head: Head) -> int | None:
    """The earliest time of the next attempt, where it is known; None: any moment, or never."""
    return head.not_before if head.status in moves.WAITING and head.wait_shard is None else None


def note(svc: Service, head: Head, type_: str, message: str, trace: str | None = None) -> Head:
    """Keep on a queued run why it was not started; what its last attempt failed with stays in the words."""
    before = payloads.error_of(head) or {}
    told = f"{message}{_of_last_attempt(head, before)}"
    if (before.get("type"), before.get("message")) == (type_, told):
        return head
    error = payloads.error_fields(type_, told, trace or before.get("trace"))
    return svc.store.apply(moves.note(head, error)).head or head


def _of_last_attempt(head: Head, before: Mapping[str, Any]) -> str:
    if not head.attempt or not before:
        return ""
    begin, text = f" (attempt {head.attempt_number} failed: ", str(before.get("message"))
    if begin in text:
        return text[text.index(begin) :]
    return f"{begin}{before.get('type')}: {text[:500]})"

"""What answers have in common, written out, and the documents that tests of whole answers begin with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.api.world import Answered, World

ALL = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
JSON = ALL | {"content-type": "application/json"}
PROBLEM = ALL | {"content-type": "application/problem+json"}
KEY = {"Idempotency-Key": "k1"}
NOW, AN_HOUR = "2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00.000Z"


def wrong_state(detail: str, **status: str) -> dict[str, Any]:
    return {"type": "urn:invoke-once:wrong-state", "title": "The run's state forbids this", "status": 409,
            "detail": detail, **status}  # fmt: skip


def not_found(detail: str) -> dict[str, Any]:
    return {"type": "urn:invoke-once:not-found", "title": "There is nothing here", "status": 404, "detail": detail}


def is_refused(answer: Answered, document: dict[str, Any], **headers: str) -> bool:
    return (answer.status, dict(answer.headers), answer.json) == (document["status"], PROBLEM | headers, document)


def document(run_id: str, base: str, **changed: Any) -> dict[str, Any]:
    """Of a run that was just accepted with no options."""
    parts = ["input", "logs", "cancel", "retry", *(["deliveries"] if changed.get("callback") else [])]
    return {
        "id": run_id, "function": "echo", "status": "queued", "idempotency_key": "k1", "attempt": 0,
        "max_attempts": 1, "leg": 1, "progress": None, "checkpoint": None, "error": None, "labels": {},
        "created_at": NOW, "started_at": None, "attempt_started_at": None, "next_attempt_at": None,
        "waiting_for": "dispatch", "finished_at": None, "expires_at": "2027-02-15T14:00:00.000Z",
        "cancel_requested": False, "cancelled_by": None, "batch": None, "callback": None,
        "links": {"self": base + run_id} | {part: f"{base}{run_id}/{part}" for part in parts}, "output": None,
    } | changed  # fmt: skip


@contextmanager
def after_reading(world: World, change: Callable[[], Any]) -> Iterator[None]:
    """Others make a change right behind the first read of a call."""
    engine, get = world.bench.table, world.bench.table.get
    waiting = [change]

    def reads(*args: Any, **more: Any) -> Any:
        found = copy.deepcopy(get(*args, **more))
        while waiting:
            waiting.pop()()
        return found

    engine.get = reads  # type: ignore[method-assign]
    try:
        yield
    finally:
        engine.get = get  # type: ignore[method-assign]

"""What the stream tells of a batch: a run of it has begun or ended. A hint: the look reads for itself.

At most one look a second and process: at once for the first record, and for those that follow once more a second
later, by the wake queue. A record that comes while that one is under way is covered by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, Protocol

EVERY_MS = 1_000
_MANY = 10_000


class Queue(Protocol):
    def send(self, run_id: str, delay_s: int) -> None: ...


_soonest: dict[str, int] = {}  # batch: a look begins not before this, and covers what was written before
_lock = Lock()


def batch_of(record: Mapping[str, Any]) -> str | None:
    """The batch of a record in which a run of it changed its status; None: nothing to count."""
    images = record.get("dynamodb", {})
    new, old = images.get("NewImage") or {}, images.get("OldImage") or {}
    batch = new.get("batch", {}).get("S")
    if batch is None or new.get("part", {}).get("S") != "head" or new.get("status") == old.get("status"):
        return None
    # its birth says nothing that the worker that made it does not know
    born = not old and new.get("status", {}).get("S") in ("queued", "scheduled")
    return None if born else str(batch)


def look_soon(now_ms: int, batch: str, due_now: list[str], queue: Queue) -> None:
    """Have the batch looked at, by `due_now` or by the queue, unless a look that will see this is under way."""
    with _lock:
        if len(_soonest) > _MANY:
            _soonest.clear()
        at_ms = _soonest.get(batch, 0)
        if at_ms > now_ms:
            return
        first = at_ms <= now_ms - EVERY_MS
        _soonest[batch] = now_ms if first else now_ms + EVERY_MS
    if first:
        due_now.append(batch)
    else:
        queue.send(batch, 1)

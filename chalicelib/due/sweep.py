"""The minute sweep: every run that is due, oldest first. Stream and queue make things quick; this makes them certain.

Costs what is due, not what is stored: one query a shard of the sparse `due` index, and what `attend` does per run.
Safe when run twice at once (each step is one conditional move). One run that raises is told and passed over.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from chalicelib.due import jobs
from chalicelib.due.attend import Deliver, attend_safely
from chalicelib.due.gated import WORKERS
from chalicelib.invoker import fire_attend
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.life.due import Due
from invoke_once.life.keys import due_shards
from invoke_once.store.shards import Shards
from invoke_once.store.store import Key

PAGE = 100
BUDGET_MS = 45_000  #: of the function's 60 s


class Swept(Struct, frozen=True):
    """What one sweep did: runs looked at, runs that raised, and whether time ended before the work did."""

    looked_at: int
    failed: int
    unfinished: bool
    oldest_due_ms: int


def sweep(
    svc: Service, deliver: Deliver, *, budget_ms: int = BUDGET_MS, workers: int = WORKERS,
    shards: Callable[[], list[str]] = due_shards,
) -> Swept:  # fmt: skip
    """Attend to all that is due now. Ends early, and says so, when `budget_ms` is spent."""
    began_ms = svc.now_ms()
    looked_at = failed = 0
    oldest_ms, unfinished = began_ms, False
    with several(workers) as each:
        for page in Shards(svc.store, "due", shards()).in_turns(high=began_ms, size=PAGE):
            oldest_ms = min([oldest_ms, *(key.at for key in page)])
            results = list(each(lambda key: _look_at(svc, key, deliver), page))
            looked_at, failed = looked_at + len(results), failed + results.count(None)
            if svc.now_ms() - began_ms > budget_ms:
                unfinished = True
                break
    swept = Swept(looked_at, failed, unfinished, began_ms - oldest_ms)
    _report(swept, svc.now_ms() - began_ms)
    return swept


def _look_at(svc: Service, key: Key, deliver: Deliver) -> Due | None:
    """A run and a gate are attended to here; a job, which may take a while, in an invocation of its own."""
    if key.part not in jobs.PARTS:
        return attend_safely(svc, key.run_id, deliver)
    fire_attend(svc.invoker, svc.settings.attend_function, [key.run_id])
    return Due.NOTHING


def _report(swept: Swept, took_ms: int) -> None:
    log.event("swept", looked_at=swept.looked_at, failed=swept.failed, unfinished=swept.unfinished,
              metrics={"Sweeps": 1, "oldest_due_ms": swept.oldest_due_ms, "sweep_ms": took_ms})  # fmt: skip

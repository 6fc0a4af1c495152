"""The moves of a bulk job. The runs make their own (M, N, O, S), each of which knows the job that asks for it.

One worker at a time has the job, by its token; one that is late is refused, and has then done nothing that the next
one does again. No target loads this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from invoke_once.life import keys
from invoke_once.life.bulk import Bulk, BulkStatus, Counts, Pin, page_text
from invoke_once.life.conditions import equals, missing
from invoke_once.life.head import BULK
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.common import DAY_S, new_token
from invoke_once.life.moves.starts import id_is_free

#: What two letters of docs/explanation/lifecycle.md stand for.
BULK_LETTERS: Mapping[str, str] = {
    "KA": "start_bulk",
    "KK": "take_bulk",
    "KC": "next_page",
    "KE": "end_bulk",
    "KS": "stop_bulk",
}

LEASE_MS = 55_000  #: of a worker: `attend` has 60 s, and stops long before
KEPT_S = 30 * DAY_S  #: after its end
_KEPT_WHILE_RUNNING_S = 60 * DAY_S


@dataclass(frozen=True, slots=True)
class NewBulk:
    """What a bulk job is asked to be. `options`: see `Bulk`."""

    tenant: str
    key: str
    options: str
    fingerprint: str | None = None

    @property
    def bulk_id(self) -> str:
        return keys.bulk_id(self.tenant, self.key)


def start_bulk(new: NewBulk, now_ms: int, begin_ms: int) -> Move:
    """KA. A request becomes a job, which is begun at `begin_ms`. Refused: the key has its job already."""
    item: dict[str, Any] = {
        "run_id": new.bulk_id, "part": BULK, "tenant": new.tenant, "key": new.key, "status": BulkStatus.RUNNING,
        "created_at": now_ms, "options": new.options, "token": new_token(), **_next_worker(new.bulk_id, begin_ms),
        "expires_at": now_ms // 1000 + KEPT_S + _KEPT_WHILE_RUNNING_S,
    }  # fmt: skip
    if new.fingerprint is not None:
        item["fingerprint"] = new.fingerprint
    return Move("KA", new.bulk_id, (id_is_free(now_ms),), item, part=BULK, replace=True, mine={"token": item["token"]})


def take_bulk(job: Bulk, now_ms: int) -> Move:
    """KK. A worker takes the job for `LEASE_MS`. Refused: it has ended, or another worker was quicker."""
    token = new_token()
    guard = (_running(), Arm("nobody took it", equals("not_before", job.not_before)))
    sets = {
        "token": token, **_next_worker(job.run_id, now_ms + LEASE_MS),
        "expires_at": now_ms // 1000 + KEPT_S + _KEPT_WHILE_RUNNING_S,
    }  # fmt: skip
    return Move("KK", job.run_id, guard, sets, add={"attempt": 1}, part=BULK, mine={"token": token})


def next_page(
    job: Bulk, counts: Counts, pins: Sequence[Pin], position: str | None, *, release_ms: int | None = None
) -> Move:
    """KC. The page before is done, as `counts` has it; these runs are acted on next, and then those at `position`.

    `release_ms`: the worker's time is over, and the next one may take it from then on. Refused: the job has ended, or
    is another worker's by now.
    """
    step = job.step + 1
    sets: dict[str, Any] = {"counts": json.dumps(counts), "step": step, "attempt": 0 if release_ms is not None else 1}
    remove = []
    for name, value in (("page", page_text(pins)), ("position", position)):
        if value:
            sets[name] = value
        else:
            remove.append(name)
    if release_ms is not None:
        sets |= _next_worker(job.run_id, release_ms)
    guard = (*_mine(job), Arm("the page that was done", _as_seen("step", job.step)))
    return Move("KC", job.run_id, guard, sets, remove=tuple(remove), part=BULK,
                mine={"step": step, "token": job.token})  # fmt: skip


def end_bulk(job: Bulk, now_ms: int, status: BulkStatus, counts: Counts) -> Move:
    """KE. Nothing follows the last page (done), or a person has stopped it. Refused as KC is."""
    sets = {
        "status": status, "counts": json.dumps(counts), "finished_at": now_ms, "expires_at": now_ms // 1000 + KEPT_S,
    }  # fmt: skip
    return Move("KE", job.run_id, _mine(job), sets, part=BULK,
                remove=("page", "position", "not_before", "due_at", "due_shard"),
                mine={"finished_at": now_ms, "token": job.token})  # fmt: skip


def stop_bulk(job: Bulk) -> Move:
    """KS. A person wants it to stop: its worker ends it at the next page. Refused: it has ended."""
    return Move("KS", job.run_id, (_running(),), {"cancel_requested": True}, part=BULK)


def _mine(job: Bulk) -> tuple[Arm, ...]:
    return (_running(), Arm("my token", equals("token", job.token)))


def _running() -> Arm:
    return Arm("still running", equals("status", BulkStatus.RUNNING))


def _as_seen(name: str, value: Any) -> Any:
    return equals(name, value) if value else missing(name)


def _next_worker(bulk_id: str, at_ms: int) -> dict[str, Any]:
    return {"not_before": at_ms, "due_at": at_ms, "due_shard": keys.due_shard(bulk_id)}

"""Accept a bulk job, and stop one.

The job is one item, put under an id derived from tenant and key. Its time range ends with the request: what is made
later is never acted on. It begins a moment later, when the indexes show what was made just before; a dry run, whose
number is a hint, at once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from chalicelib.bulk import records
from chalicelib.bulk.acts import Action
from chalicelib.invoker import fire_attend
from chalicelib.runs.dispatch import KeyReused
from chalicelib.runs.filters import Filters
from chalicelib.service import Service
from invoke_once import log
from invoke_once.life import keys
from invoke_once.life.bulk import Bulk
from invoke_once.life.head import BULK
from invoke_once.life.moves import bulk_moves
from invoke_once.store.store import Unwritten

SETTLE_MS = 1_000  #: DynamoDB Developer Guide, "Global secondary indexes": usually within a fraction of a second


class BulkRequest(Struct, frozen=True):
    """What a client asks for. `shown`: the filter in its words; `wanted`: the same, to be matched."""

    tenant: str
    action: Action
    shown: Mapping[str, Any]
    wanted: Filters
    dry_run: bool = False
    key: str | None = None
    by: str | None = None  #: the id of the token that asks


class Accepted(Struct, frozen=True):
    job: Bulk
    replayed: bool


def accept(svc: Service, request: BulkRequest) -> Accepted:
    """The job of this request: new, or the one its key already has. Raises `KeyReused`, `StoreUnavailable`."""
    now_ms = svc.now_ms()
    asked = {"action": request.action, "filter": dict(request.shown), "dry_run": request.dry_run}
    frozen = structs.replace(request.wanted, high_ms=min(request.wanted.high_ms, now_ms - 1))
    new = bulk_moves.NewBulk(
        tenant=request.tenant,
        key=request.key if request.key is not None else secrets.token_hex(16),
        options=json.dumps(asked | {"wanted": msgspec.to_builtins(frozen), "by": request.by}, separators=(",", ":")),
        fingerprint=keys.digest(asked) if request.key is not None else None,
    )
    begin_ms = now_ms if request.dry_run else now_ms + SETTLE_MS
    outcome = svc.store.put_part(bulk_moves.start_bulk(new, now_ms, begin_ms))
    job = Bulk.from_item(outcome.item)
    if isinstance(outcome, Unwritten):
        if job.fingerprint != new.fingerprint:
            raise KeyReused
        return Accepted(job, replayed=True)
    log.event("bulk_accepted", bulk=job.run_id, tenant=job.tenant, action=request.action, dry_run=request.dry_run,
              metrics={"BulkAccepted": 1})  # fmt: skip
    if request.dry_run:
        fire_attend(svc.invoker, svc.settings.attend_function, [job.run_id])
    return Accepted(job, replayed=False)


def is_known(svc: Service, request: BulkRequest) -> bool:
    """Whether its key has a job already."""
    return request.key is not None and svc.store.part(keys.bulk_id(request.tenant, request.key), BULK) is not None


def stop(svc: Service, job: Bulk) -> Bulk | None:
    """Have it stopped: its worker ends it after the page that it is at. None: it has ended."""
    moved = records.made(svc, bulk_moves.stop_bulk(job))
    if moved is not None:
        log.event("bulk_stop_requested", bulk=job.run_id)
        fire_attend(svc.invoker, svc.settings.attend_function, [job.run_id])
    return moved

"""Accept a batch, cancel it, run what did not succeed again.

Manifest first, then the head (one conditional put on an id derived from tenant, function and key, as for a run), then
the workers are sent. What dies in between is an object nobody reads, or a batch that is looked at when its time comes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from chalicelib.batches import manifest, records, spread
from chalicelib.batches.manifest import Item
from chalicelib.functions import Function
from chalicelib.invoker import fire_attend
from chalicelib.runs.dispatch import KeyReused
from chalicelib.service import Service
from invoke_once import log
from invoke_once.life import keys
from invoke_once.life.batch import Batch
from invoke_once.life.head import BATCH
from invoke_once.life.moves import DAY_S, batch_moves, new_token
from invoke_once.store.store import Unwritten


class BatchRequest(Struct, frozen=True):
    """What a client asks for. `options`: of `StartRequest`, for every item; `inputs`: the items' values, parsed."""

    function: Function
    tenant: str
    items: Sequence[Item]
    inputs: Sequence[Any]
    key: str | None = None
    callback_url: str | None = None
    labels: Mapping[str, str] | None = None
    options: Mapping[str, Any] = {}
    max_running: int | None = None
    if_failed: str = "replay"


class Accepted(Struct, frozen=True):
    batch: Batch
    replayed: bool


def accept(svc: Service, request: BatchRequest) -> Accepted:
    """The batch of this request: new, or the one its key already has.

    Raises `KeyReused`, `StoreUnavailable` (nothing is promised then, repeating is safe).
    """
    seed, now_ms = new_token(), svc.now_ms()
    key = request.key if request.key is not None else secrets.token_hex(16)
    batch_id = keys.batch_id(request.tenant, request.function.name, key)
    asked = _fingerprint(request) if request.key is not None else None
    if request.key is not None:
        found = records.find(svc, batch_id)  # before the items are put for a request that is refused
        if found is not None:
            return _repeat(svc, request, asked, found)
    data = manifest.pack(request.items)
    new = batch_moves.NewBatch(
        tenant=request.tenant, function=request.function.name, key=key, total=len(request.items), seed=seed,
        manifest=svc.payloads.keep_object(f"{request.function.name}/in/{batch_id}/{seed}.items", data),
        manifest_size=len(data), fingerprint=asked, max_running=_bound(request), options=_text(request.options),
        labels=_text(request.labels), retention_s=request.function.retention_days * DAY_S,
        callback_url=request.callback_url,
    )  # fmt: skip
    first_look_ms = spread.RESPREAD_MS if new.max_running is None else 0
    outcome = svc.store.put_part(batch_moves.start_batch(new, now_ms, first_look_ms))
    batch = Batch.from_item(outcome.item)
    if isinstance(outcome, Unwritten):
        return _repeat(svc, request, asked, batch)
    log.event("batch_accepted", batch=batch_id, function=batch.function, tenant=batch.tenant, total=batch.total,
              metrics={"BatchesAccepted": 1})  # fmt: skip
    _send(svc, batch)
    return Accepted(batch, replayed=False)


def is_known(svc: Service, request: BatchRequest) -> bool:
    """Whether its key has a batch already."""
    if request.key is None:
        return False
    return svc.store.part(keys.batch_id(request.tenant, request.function.name, request.key), BATCH) is not None


def cancel(svc: Service, batch: Batch, by: str | None = None) -> Batch | None:
    """Stop it: what is no run yet never will be, what runs is asked to stop. None: it has ended.

    `by`: the id of the token that asks.
    """
    moved = records.made(svc, batch_moves.cancel_batch(batch, svc.now_ms(), spread.RESPREAD_MS, by))
    if moved is not None:
        log.event("batch_cancelled", batch=batch.run_id)
        spread.send_workers(svc, moved, moved.chunks)
    return moved


def retry(svc: Service, batch: Batch) -> Batch | None:
    """Run what did not succeed again, as the batch's next pass. None: it runs, or everything has succeeded."""
    if batch.running or batch.status == "succeeded":
        return None
    spread.keep_manifest(svc, batch)
    first_look_ms = spread.RESPREAD_MS if batch.max_running is None else 0
    moved = records.made(svc, batch_moves.retry_batch(batch, svc.now_ms(), first_look_ms))
    if moved is not None:
        log.event("batch_retried", batch=batch.run_id, number=moved.pass_number)
        _send(svc, moved)
    return moved


def _send(svc: Service, batch: Batch) -> None:
    """Losing these is harmless: stream, queue and sweep come by."""
    if batch.max_running is None:
        spread.send_workers(svc, batch, batch.chunks)
    else:
        fire_attend(svc.invoker, svc.settings.attend_function, [batch.run_id])


def _repeat(svc: Service, request: BatchRequest, asked: str | None, found: Batch) -> Accepted:
    if found.fingerprint != asked:
        raise KeyReused
    log.event("batch_replayed", batch=found.run_id, run_status=found.status)
    if request.if_failed == "rerun" and found.status == "failed":
        return Accepted(retry(svc, found) or records.find(svc, found.run_id) or found, replayed=True)
    return Accepted(found, replayed=True)


def _bound(request: BatchRequest) -> int | None:
    """All at once, where so many may run as there are."""
    most = request.max_running
    return None if most is None or most >= len(request.items) else most


def _text(value: Mapping[str, Any] | None) -> str | None:
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if value else None


def _fingerprint(request: BatchRequest) -> str:
    """The same for two requests that ask for the same, whatever the order of keys in their inputs."""
    items = [
        [item.key, dict(item.labels or {}), value] for item, value in zip(request.items, request.inputs, strict=True)
    ]
    return keys.digest([request.function.name, items, request.callback_url, dict(request.labels or {}),
                        dict(request.options), request.max_running])  # fmt: skip

"""One run of a batch: begin it, in the first pass or a later one, or stop it. Repeatable: its id is its place.

The first write wins whatever the others do: A against another A, A against a tombstone. Whoever is refused learns
from the refusal what there is, and begins nothing that has begun.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.batches.manifest import Item, Manifest
from chalicelib.batches.records import of_this_pass, run_id
from chalicelib.functions import Function
from chalicelib.runs import dispatch, gated
from chalicelib.service import Service
from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.life import moves
from invoke_once.life.batch import Batch
from invoke_once.life.due import BATCH_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.moves import batch_moves
from invoke_once.life.status import Status
from invoke_once.store import states
from invoke_once.store.store import Applied, Refused

FIRED_AGAIN_MS = 10_000  #: what was put so long ago and is still unclaimed may never have been fired
_TRIES = 4


def function_of(svc: Service, batch: Batch) -> Function:
    """The batch's function; where it is gone from functions.toml, one that every fire refuses."""
    return svc.functions.get(batch.function) or Function(name=batch.function, target=batch.function)


def new_run(svc: Service, batch: Batch, index: int, item: Item) -> moves.NewRun:
    """What the run of this index is asked to be."""
    options: Mapping[str, Any] = json.loads(batch.options or "{}")
    delay_ms = max(batch.created_at + int(options.get("delay_ms", 0)) - svc.now_ms(), 0)
    request = dispatch.StartRequest(
        function=function_of(svc, batch), tenant=batch.tenant, labels=item.labels,
        delay_ms=delay_ms if batch.pass_number == 1 else 0,
        **{name: value for name, value in options.items() if name != "delay_ms"},
    )  # fmt: skip
    return replace(
        dispatch.new_run(request), key=item.key or f"{batch.run_id}/{index}", callback_url=None,
        batch=batch.run_id, batch_seed=batch.seed, batch_index=index, batch_pass=batch.batch_pass,
    )  # fmt: skip


def begin(svc: Service, batch: Batch, manifest: Manifest, index: int, found: Head | None = None) -> None:
    """Make the run of this index one of the present pass, and fire it; what is that already is left alone.

    `found`: the run as it was read a moment ago. It is old by now at worst: then a write is refused, and tells.
    """
    if found is None and batch.pass_number > 1:
        found = svc.store.get(run_id(batch, index), svc.now_ms())
    if found is None:
        item = manifest[index]
        new = gated.under_gates(svc, new_run(svc, batch, index, item))
        result = svc.store.apply(svc.payloads.with_input(moves.start(new, svc.now_ms()), item.text))
        if isinstance(result, Applied):
            _fire(svc, result.head, item.text)
            return
        found = result.head
    for _ in range(_TRIES):
        if found is None or of_this_pass(found, batch):
            break
        found, fired = _into_this_pass(svc, batch, found)
        if fired:
            return
    if found is not None and _may_be_unfired(found, svc.now_ms()):
        _fire(svc, found)


def _into_this_pass(svc: Service, batch: Batch, found: Head) -> tuple[Head | None, bool]:
    """The run after one move of it, or as the refusal told it; and whether it was sent again."""
    if not found.terminal:
        result = svc.store.apply(batch_moves.join_pass(found, batch))
        return result.head, False
    held, paused_ms = gated.beginning(svc, found.run_id, found.function, found.tenant, found.concurrency_key)
    move = batch_moves.redrive_for(found, batch, svc.now_ms(), held=held, paused_ms=paused_ms)
    svc.payloads.renew_input(found, move.set["expires_at"])
    states.renew(svc.payloads, found, move.set["expires_at"])
    result = svc.store.apply(move)
    if isinstance(result, Refused):
        return result.head, False
    _fire(svc, result.head)
    return result.head, True


def stop(svc: Service, batch: Batch, manifest: Manifest, index: int, found: Head | None) -> None:
    """Cancel the run of this index: born cancelled, cancelled, or asked to stop. One that has ended stays so.

    `found`: as for `begin`.
    """
    if found is None:
        item = manifest[index]
        move = batch_moves.tombstone(new_run(svc, batch, index, item), svc.now_ms(), batch.cancelled_by)
        result = svc.store.apply(svc.payloads.with_input(move, item.text))
        if isinstance(result, Applied):
            return
        found = result.head
    for _ in range(_TRIES):
        if found is None or of_this_pass(found, batch):
            break
        found = svc.store.apply(batch_moves.join_pass(found, batch)).head
    if found is not None and not found.terminal:
        dispatch.cancel(svc, found, batch.cancelled_by)


def _may_be_unfired(head: Head, now_ms: int) -> bool:
    """Whoever put it may have died before it fired it. A second event is harmless: one claim wins."""
    if head.status != Status.QUEUED or head.not_before is not None or head.attempt > head.extra_attempts:
        return False
    return head.dispatches == 1 and now_ms - ((head.due_at or 0) - BATCH_LOOK_MS) > FIRED_AGAIN_MS


def _fire(svc: Service, head: Head, text: bytes | None = None) -> None:
    """Fire what is queued. Where the store fails on the way it stays queued: the sweep comes by."""
    if head.status != Status.QUEUED:
        return
    try:
        if head.wait_shard is not None:
            gated.ask(svc, head, dispatch.fire)
        else:
            dispatch.fire(svc, head, text)
    except StoreUnavailable as error:
        log.event("dispatch_delayed", run_id=head.run_id, reason=str(error), metrics={"DispatchDelayed": 1})

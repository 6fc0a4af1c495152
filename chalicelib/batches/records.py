"""Batches in the store: found, moved, and the ids of their runs."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.service import Service
from invoke_once.life import keys
from invoke_once.life.batch import Batch
from invoke_once.life.head import BATCH, Head
from invoke_once.life.move import Move
from invoke_once.store.store import Item, Written

THREADS = 10  #: botocore keeps ten connections


def find(svc: Service, batch_id: str) -> Batch | None:
    """The batch, or None: also when its retention is over."""
    item = svc.store.part(batch_id, BATCH)
    batch = Batch.from_item(item) if item else None
    return None if batch is None or batch.expired_at(svc.now_ms()) else batch


def find_many(svc: Service, batch_ids: Sequence[str]) -> dict[str, Batch]:
    """Those of at most 100 that exist and are not expired, by id."""
    found = (Batch.from_item(item) for item in svc.store.parts_of(batch_ids, BATCH))
    return {batch.run_id: batch for batch in found if not batch.expired_at(svc.now_ms())}


def made(svc: Service, move: Move) -> Batch | None:
    """The batch after a move of its head; None: it was refused."""
    outcome = svc.store.put_part(move)
    return Batch.from_item(outcome.item) if isinstance(outcome, Written) else None


def chunks(svc: Service, batch: Batch, generation: str | None = None, kind: str = "chunk") -> dict[int, Item]:
    """The chunks of a generation (the present one, unless told) that somebody has taken or noted, by number."""
    prefix = f"{kind}#{generation or batch.generation}#"
    return {int(item["part"].rpartition("#")[2]): item for item in svc.store.parts(batch.run_id, prefix)}


def run_id(batch: Batch, index: int) -> str:
    return keys.item_id(batch.function, batch.run_id, batch.seed, index)


def heads(svc: Service, batch: Batch, indexes: Sequence[int]) -> dict[int, Head]:
    """The runs of these indexes that exist; reads may be a moment late."""
    ids = {run_id(batch, index): index for index in indexes}
    return {ids[found]: head for found, head in svc.store.get_many(list(ids), svc.now_ms()).items()}


def of_this_pass(head: Head, batch: Batch) -> bool:
    """Whether how it stands counts in the batch's present pass: what has succeeded once always does."""
    return head.status == "succeeded" or (head.batch_pass or 1) == batch.pass_number

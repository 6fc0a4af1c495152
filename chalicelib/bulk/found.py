"""The runs that a bulk job is about, a page at a time: by the batch they belong to, or by the time of their making."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from chalicelib.batches import records
from chalicelib.runs.filters import Filters
from chalicelib.runs.walk import CHUNK, newest
from chalicelib.service import Service
from invoke_once.life.head import Head

MAX_EXAMINED = 2_000  #: runs that one page looks at


class Found(Struct, frozen=True):
    """`position`: where the next page begins; None: nothing follows."""

    heads: list[Head]
    position: Any


def page(svc: Service, tenant: str, wanted: Filters, position: Any, size: int = CHUNK) -> Found:
    """The next runs that match, about `size`. A page may be empty though others follow."""
    walk = _of_batch if wanted.batch is not None else _by_time
    return walk(svc, tenant, wanted, position, size)


def _by_time(svc: Service, tenant: str, wanted: Filters, position: Any, size: int) -> Found:
    merged = newest(svc.store, tenant, wanted, position, size)
    found: list[Head] = []
    examined = 0
    while len(found) < size // 2 and examined < MAX_EXAMINED and not merged.exhausted:
        chunk = merged.take(size)
        heads = svc.store.get_many([key.run_id for key in chunk], svc.now_ms())
        for key in chunk:
            merged.passed(key)
        examined += len(chunk)
        found += [heads[key.run_id] for key in chunk if key.run_id in heads and wanted.match(tenant, heads[key.run_id])]
    return Found(found, None if merged.exhausted else merged.position)


def _of_batch(svc: Service, tenant: str, wanted: Filters, position: Any, size: int) -> Found:
    """By index: the ids of a batch's runs are derived. Another tenant's batch has none."""
    batch = records.find(svc, wanted.batch or "")
    if batch is None or batch.tenant != tenant:
        return Found([], None)
    found: list[Head] = []
    begin = first = int(position or 0)
    while len(found) < size // 2 and begin - first < MAX_EXAMINED and begin < batch.total:
        indexes = range(begin, min(begin + size, batch.total))
        heads = records.heads(svc, batch, indexes)
        found += [heads[index] for index in indexes if index in heads and wanted.match(tenant, heads[index])]
        begin = indexes.stop
    return Found(found, begin if begin < batch.total else None)

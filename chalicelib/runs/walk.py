"""One tenant's runs in the order of their making, newest first, a bounded part at a time. Nothing is ever scanned."""

from __future__ import annotations

from typing import Any

from chalicelib.runs.filters import Filters
from invoke_once.life import keys
from invoke_once.life.moves import FAILED_INDEX
from invoke_once.store.shards import Newest, Shards
from invoke_once.store.store import Store

CHUNK = 100  #: keys at once; their heads come by one BatchGetItem


def newest(store: Store, tenant: str, wanted: Filters, position: Any, limit: int) -> Newest:
    """The keys of runs that may match, in the smallest index that has them all; `limit`: as many are likely wanted."""
    failed = bool(wanted.statuses) and set(wanted.statuses) <= {str(status) for status in FAILED_INDEX}
    shards = Shards(store, "failed" if failed else "by_tenant", keys.tenant_shards(tenant))
    size = min(CHUNK, limit // keys.TENANT_SHARDS + 6)
    return shards.newest(low=wanted.low_ms, high=wanted.high_ms, size=size, position=position)

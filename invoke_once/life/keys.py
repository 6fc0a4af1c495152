"""Under which keys things are kept: ids derived from what they stand for, and the shards of the indexes.

Shards spread writes: a partition takes 1 000 write units a second (DynamoDB Developer Guide, "Partitions and
data distribution"), an index's partition as well.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from functools import lru_cache
from typing import Any

RESERVED_KEYS = "payload:"  #: begins the keys of direct calls that no key tells apart (`slots.py`), and no others
DUE_SHARDS = 8
TENANT_SHARDS = 4
MARK_CHARS = 5  #: 25 bits: packaging refuses two functions with one mark


@lru_cache(maxsize=256)
def run_id(tenant: str, function: str, key: str) -> str:
    """The id that this key always has: two callers who share nothing derive the same one."""
    return "run_" + owned(function, [tenant, function, key])


def item_id(function: str, batch: str, seed: str, index: int) -> str:
    """The id of one run of a batch. No idempotency key is an object, so no key of a caller derives it."""
    return "run_" + owned(function, {"batch": batch, "seed": seed, "index": index})


def batch_id(tenant: str, function: str, key: str) -> str:
    """The id that this key of a batch always has."""
    return "batch_" + digest(["batch", tenant, function, key])


def bulk_id(tenant: str, key: str) -> str:
    """The id that this key of a bulk job always has."""
    return "bulk_" + digest(["bulk", tenant, key])


def owned(function: str, value: Any) -> str:
    """26 base32 characters: the function's mark, then 105 bits of the value's hash."""
    return mark(function) + digest(value)[: 26 - MARK_CHARS]


@lru_cache(maxsize=256)
def mark(function: str) -> str:
    """What ids of this function's runs begin with, so that a role can be limited to them (`dynamodb:LeadingKeys`)."""
    return digest([function])[:MARK_CHARS]


def digest(value: Any) -> str:
    """26 base32 characters (128 bits of SHA-256) of a JSON value."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "surrogatepass")
    return base64.b32encode(hashlib.sha256(data).digest()[:16]).decode().rstrip("=").lower()


def _shard(run: str, count: int) -> int:
    return zlib.crc32(run.encode()) % count


def due_shard(run: str) -> str:
    return f"due#{_shard(run, DUE_SHARDS)}"


def tenant_shard(tenant: str, run: str) -> str:
    return f"{tenant}#{_shard(run, TENANT_SHARDS)}"


def tenant_shards(tenant: str) -> list[str]:
    return [f"{tenant}#{n}" for n in range(TENANT_SHARDS)]


def batch_shard(tenant: str) -> str:
    """A partition of its own in `by_tenant`: lists of runs never meet a batch."""
    return f"{tenant}#batches"


def due_shards() -> list[str]:
    return [f"due#{n}" for n in range(DUE_SHARDS)]

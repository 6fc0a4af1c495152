"""What a write costs, computed from the items alone: the model that the counted units are checked against.

Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "Using Global Secondary Indexes" (storage and
write considerations). Items are in DynamoDB's own JSON, {"name": {"S": "text"}}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
KB = 1024
KEYS = ("run_id", "part")


def item_bytes(item: Item) -> int:
    """Names in UTF-8 and values; a number takes about a byte for two digits and one more."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return number_bytes(content)
    if kind == "B":
        return len(content) * 3 // 4 - content[-2:].count("=") if isinstance(content, str) else len(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + value_bytes(part) for part in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + value_bytes(part) for name, part in content.items())
    raise ValueError(f"no size is known of type {kind}")


def number_bytes(text: str) -> int:
    """Leading and trailing zeroes are trimmed; a sign takes one more."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")


def write_units(before: Item | None, after: Item | None, indexes: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """Write units by place: "table", and each KEYS_ONLY index whose entry appears, goes or moves."""
    size = max(item_bytes(before or {}), item_bytes(after or {}), 1)
    found = {"table": float(math.ceil(size / KB))}
    for name, keys in indexes.items():
        old, new = _entry(before, keys), _entry(after, keys)
        if old != new:
            found[name] = sum(float(math.ceil(item_bytes(entry) / KB)) for entry in (old, new) if entry is not None)
    return found


def _entry(item: Item | None, keys: tuple[str, str]) -> Item | None:
    if item is None or any(name not in item for name in keys):
        return None
    return {name: item[name] for name in (*KEYS, *keys) if name in item}


def read_units(item: Item, *, consistent: bool) -> float:
    return math.ceil(max(item_bytes(item), 1) / (4 * KB)) * (1.0 if consistent else 0.5)

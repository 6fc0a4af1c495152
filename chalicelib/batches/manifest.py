"""What the items of a batch are: one object in S3, written before the batch's head and never changed.

    length of the index, ASCII digits, newline · JSON index [[length, key, labels], …] · the inputs' JSON texts

At most 4 MB, as the request that brought it. It lies among its function's inputs, where the function's role may read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct

from invoke_once.errors import PayloadCorrupt


class Item(Struct, frozen=True):
    """One item as it was asked for. `text` is the input's JSON text, byte for byte."""

    text: bytes
    key: str | None = None
    labels: Mapping[str, str] | None = None


def pack(items: Iterable[Item]) -> bytes:
    kept = list(items)
    index = json.dumps([_entry(item) for item in kept], separators=(",", ":"), ensure_ascii=False).encode()
    return b"%d\n%b%b" % (len(index), index, b"".join(item.text for item in kept))


def _entry(item: Item) -> list[Any]:
    return [len(item.text), item.key, dict(item.labels) if item.labels else None]


class Manifest:
    """Reads items by index. Raises `PayloadCorrupt` for data that `pack` did not make."""

    def __init__(self, data: bytes) -> None:
        try:
            begin = data.index(b"\n") + 1
            end = begin + int(data[:begin])
            self._entries: Sequence[Any] = json.loads(data[begin:end])
            self._starts = list(accumulate((entry[0] for entry in self._entries), initial=end))
        except (ValueError, TypeError, IndexError):
            raise PayloadCorrupt("the batch's items cannot be read") from None
        self._data = data

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Item:
        length, key, labels = self._entries[index]
        begin = self._starts[index]
        return Item(self._data[begin : begin + length], key, labels)


class Lost(Manifest):
    """Stands in for items that are gone, where their places alone matter: a cancel ends the batch all the same."""

    def __init__(self) -> None:
        super().__init__(pack(()))

    def __getitem__(self, index: int) -> Item:
        return Item(b"null")

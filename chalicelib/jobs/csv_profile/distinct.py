"""How many different cells a column has: counted while they are few, estimated from then on."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

HASHES = 1 << 64


class Distinct:
    """The different cells themselves, up to a bound; past it, the smallest of their hashes (KMV).

    The estimate: of n hashes spread evenly over a range, the k-th smallest lies about k/n into it. Its
    standard error is 1/sqrt(k): 1 % for 10,000.
    """

    def __init__(self, most: int, most_characters: int) -> None:
        self._most, self._characters_left = most, most_characters
        self.cells: set[str] = set()
        self._smallest: set[int] | None = None
        self._bound = HASHES

    @property
    def is_estimate(self) -> bool:
        return self._smallest is not None

    def add(self, cells: set[str]) -> set[str]:
        """Count cells; answer those not known before, or, where that is no longer known, all of them."""
        if self._smallest is not None:
            self._sample(cells)
            return cells
        new = cells - self.cells
        self.cells |= new
        self._characters_left -= sum(map(len, new))
        if len(self.cells) > self._most or self._characters_left < 0:
            self._smallest = set()
            self._sample(self.cells)
            self.cells = set()
        return new

    def __len__(self) -> int:
        if self._smallest is None:
            return len(self.cells)
        if len(self._smallest) < self._most:
            return len(self._smallest)
        kth = sorted(self._smallest)[self._most - 1]
        return round((self._most - 1) / (kth / HASHES))

    def _sample(self, cells: Iterable[str]) -> None:
        """Keep the smallest hashes; trim, which sorts, only when there are twice as many as wanted."""
        assert self._smallest is not None
        bound = self._bound
        self._smallest.update([one for one in hashes(cells) if one < bound])
        if len(self._smallest) > 2 * self._most:
            smallest = sorted(self._smallest)[: self._most]
            self._smallest, self._bound = set(smallest), smallest[-1]


def hashes(cells: Iterable[str]) -> Iterable[int]:
    """Evenly spread 64-bit hashes, the same in every process, as `hash` of a tuple of ints is.

    CRC-32 tells cells apart (of ten million, 0.1 % share one), the tuple's hash spreads what CRC leaves in
    patterns; both are C, four times as quick as a cryptographic hash.
    """
    one_tuples = zip(map(zlib.crc32, map(str.encode, cells)), strict=True)
    return [one % HASHES for one in map(hash, one_tuples)]

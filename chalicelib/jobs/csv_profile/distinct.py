"""How many different cells a column has: counted while memory lasts, estimated from then on."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

HASHES = 1 << 64
#: of a cell, beside its characters: the string's own head and its place in a set
CELL_BYTES = 64
#: what columns have to themselves, all together and each: some 10,000 cells where there are up to ten columns
OWN_BYTES, MOST_OWN_BYTES = 8_000_000, 800_000
SHARED_BYTES = 8_000_000
SAMPLES, MOST_SAMPLES, LEAST_SAMPLES = 100_000, 10_000, 64


class Memory:
    """The memory that the columns of one file have for distinct cells: some each, and some that they share.

    The shared part goes to those columns that need it, and comes back from one that has begun to estimate. So
    a column with few values is always counted, and some hundred thousand values in all are.
    """

    def __init__(self, columns: int, shared: int = SHARED_BYTES) -> None:
        self.own = min(MOST_OWN_BYTES, OWN_BYTES // columns)
        self.samples = max(LEAST_SAMPLES, min(MOST_SAMPLES, SAMPLES // columns))
        self._shared = shared

    def borrow(self, size: int) -> bool:
        """Take so many bytes of the shared part; False, and nothing taken, where there are not as many."""
        if size > self._shared:
            return False
        self._shared -= size
        return True

    def give_back(self, size: int) -> None:
        self._shared += size


class Distinct:
    """The different cells themselves while memory lasts; then the smallest of their hashes (KMV).

    The estimate: of n hashes spread evenly over a range, the k-th smallest lies about k/n into it. Its
    standard error is 1/sqrt(k): 1 % for 10,000.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory, self._own_left, self._borrowed = memory, memory.own, 0
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
        if self._afford(sum(map(len, new)) + len(new) * CELL_BYTES):
            self.cells |= new
        else:
            self._estimate_from_now_on()
            self._sample(new)
        return new

    def _afford(self, size: int) -> bool:
        own = min(size, self._own_left)
        if not self._memory.borrow(size - own):
            return False
        self._own_left -= own
        self._borrowed += size - own
        return True

    def _estimate_from_now_on(self) -> None:
        self._smallest = set()
        self._sample(self.cells)
        self.cells = set()
        self._memory.give_back(self._borrowed)

    def __len__(self) -> int:
        if self._smallest is None:
            return len(self.cells)
        wanted = self._memory.samples
        if len(self._smallest) < wanted:
            return len(self._smallest)
        kth = sorted(self._smallest)[wanted - 1]
        return round((wanted - 1) / (kth / HASHES))

    def _sample(self, cells: Iterable[str]) -> None:
        """Keep the smallest hashes; trim, which sorts, only when there are twice as many as wanted."""
        assert self._smallest is not None
        bound, wanted = self._bound, self._memory.samples
        self._smallest.update([one for one in hashes(cells) if one < bound])
        if len(self._smallest) > 2 * wanted:
            smallest = sorted(self._smallest)[:wanted]
            self._smallest, self._bound = set(smallest), smallest[-1]


def hashes(cells: Iterable[str]) -> list[int]:
    """Evenly spread 64-bit hashes, the same in every process, as `hash` of a tuple of ints is.

    CRC-32 tells cells apart (of ten million, 0.1 % share one), the tuple's hash spreads what CRC leaves in
    patterns; both are C, four times as quick as a cryptographic hash.
    """
    one_tuples = zip(map(zlib.crc32, map(str.encode, cells)), strict=True)
    return [one % HASHES for one in map(hash, one_tuples)]

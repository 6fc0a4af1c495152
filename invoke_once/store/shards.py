"""An index that lies in several shards, read as one: to the end, in turns, merged oldest first, or newest first.

A busy partition of an index throttles its table, so what one tenant can heat is spread; who reads puts it together.
Every query is bounded; a page that is shorter than asked for ends its shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from invoke_once.store.store import Key, Store

LAST_MS = 9_999_999_999_999  #: later than every time of an index


class Shards:
    """Index `index`, which lies in the shards `names`."""

    def __init__(self, store: Store, index: str, names: Sequence[str]) -> None:
        self._store, self._index, self._names = store, index, names

    def keys(
        self, name: str, *, size: int, low: int = 0, high: int = LAST_MS, newest_first: bool = False,
        after: Key | None = None, most: int | None = None,
    ) -> Iterator[Key]:  # fmt: skip
        """One shard's keys to its end, `size` a query, or up to `most`."""
        left = most
        while low <= high and left != 0:
            limit = size if left is None else min(size, left)
            page = self._store.index(
                self._index, name, low=low, high=high, limit=limit, newest_first=newest_first, after=after
            )
            yield from page
            if len(page) < limit:
                return
            after = page[-1]
            left = None if left is None else left - len(page)

    def in_turns(self, *, high: int, size: int) -> Iterator[list[Key]]:
        """Pages, oldest first, the shards in turn, so that a crowded one does not starve the others."""
        after: dict[str, Key | None] = dict.fromkeys(self._names)
        while after:
            for name, last in list(after.items()):
                page = self._page(name, high, size, last)
                if page:
                    yield page
                if len(page) < size:
                    del after[name]
                else:
                    after[name] = page[-1]

    def oldest(self, each: int, at_once: Callable[..., Iterable[list[Key]]] = map) -> list[Key]:
        """The `each` oldest keys of every shard, oldest first. `at_once`: `map`, or a pool's."""
        pages = at_once(lambda name: self._page(name, LAST_MS, each), self._names)
        found = [key for page in pages for key in page]
        return sorted(found, key=lambda key: (key.at, key.run_id))

    def newest(self, *, low: int, high: int, size: int, position: Any = None) -> Newest:
        """All shards as one list, newest first, from `position` on, `size` keys a query."""
        return Newest(self, self._names, low, high, size, position)

    def _page(self, name: str, high: int, limit: int, after: Key | None = None) -> list[Key]:
        return self._store.index(self._index, name, low=0, high=high, limit=limit, newest_first=False, after=after)


class Newest:
    """Keys of all shards, newest first, and where a reader has got to.

    A position is the time of the last key that was passed, and per shard the key passed at that very time. What
    is newer has been passed, in every shard; what was written since stays out of the later pages.
    """

    def __init__(self, shards: Shards, names: Sequence[str], low: int, high: int, size: int, position: Any) -> None:
        at, passed = position or (high, {})
        self._at, self._passed = int(at), {str(shard): str(run_id) for shard, run_id in passed.items()}
        self._shards = []
        for number, name in enumerate(names):
            run_id = self._passed.get(str(number))
            after = None if run_id is None else Key(run_id, name, self._at)
            self._shards.append(
                shards.keys(name, size=size, low=low, high=min(high, self._at), newest_first=True, after=after)
            )
        self._heads: list[Key | None] = [next(shard, None) for shard in self._shards]
        self._numbers = {name: str(number) for number, name in enumerate(names)}
        self._waiting: list[Key] = []

    @property
    def position(self) -> Any:
        return [self._at, self._passed]

    @property
    def exhausted(self) -> bool:
        """Every key has been taken."""
        return all(head is None for head in self._heads)

    def has_more(self) -> bool:
        """There are keys that were not passed."""
        return bool(self._waiting) or not self.exhausted

    def take(self, count: int) -> list[Key]:
        """The next keys; each is passed only when `passed` is told so."""
        taken: list[Key] = []
        while len(taken) < count and not self.exhausted:
            first = max((head.at, head.run_id, n) for n, head in enumerate(self._heads) if head is not None)
            head = self._heads[first[2]]
            assert head is not None
            taken.append(head)
            self._heads[first[2]] = next(self._shards[first[2]], None)
        self._waiting = list(taken)
        return taken

    def passed(self, key: Key) -> None:
        if key.at != self._at:
            self._at, self._passed = key.at, {}
        self._passed[self._numbers[key.shard]] = key.run_id
        self._waiting.remove(key)

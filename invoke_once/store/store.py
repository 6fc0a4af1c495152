"""The only writer of runs, and their reader. One move is one conditional write; nothing here decides anything.

`Store` stands on an engine: `dynamo.DynamoTable` or `testing.MemoryTable`. An engine writes one item if the move's
guard holds, atomically, and returns the item as it is after the write, or, refused, as it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from invoke_once.life.head import HEAD, Head
from invoke_once.life.move import Move

Item = Mapping[str, Any]


class Written(NamedTuple):
    """The write happened; `item` is what is stored now."""

    item: Item


class Unwritten(NamedTuple):
    """The guard did not hold; `item` is what was found (empty: nothing)."""

    item: Item


class Key(NamedTuple):
    """A position in an index: what the next page starts after."""

    run_id: str
    shard: str
    at: int
    part: str = HEAD


class Engine(Protocol):
    """Raises `StoreUnavailable` alone. Atomic per item; reads of indexes may be late."""

    def write(self, move: Move) -> Written | Unwritten: ...

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None: ...

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        """The heads (or another part) that exist, at most 100 asked for, in no order."""
        ...

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        """The items of one run whose sort key begins with `prefix`, in its order."""
        ...

    def index(
        self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool, after: Key | None
    ) -> list[Key]:
        """Keys of index `name` with low <= sort key <= high, after `after`; fewer than `limit` means the end."""
        ...


class Applied(NamedTuple):
    """The move was made (or had been, by this very write). `head` is the run after it."""

    head: Head
    repeated: bool = False  #: a lost response, recognised


class Refused(NamedTuple):
    """The move was not made. `head` is the winner (None: there is no such run), `arms` the reasons."""

    head: Head | None
    arms: tuple[str, ...]

    def only(self, arm: str) -> bool:
        """Whether `arm` alone refused it: everything else would have allowed the move."""
        return self.arms == (arm,)


Result = Applied | Refused


class Store:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def apply(self, move: Move) -> Result:
        """Make a move of the head, or learn who won instead. Never reads: a refusal carries the item (ALL_OLD)."""
        outcome = self.engine.write(move)
        if isinstance(outcome, Written):
            return Applied(Head.from_item(outcome.item))
        if _wrote_it_before(move, outcome.item):
            return Applied(Head.from_item(outcome.item), repeated=True)
        arms = tuple(arm.name for arm in move.guard if not arm.condition.holds(outcome.item))
        return Refused(Head.from_item(outcome.item) if outcome.item else None, arms)

    def put_part(self, move: Move) -> Written | Unwritten:
        """Put another item of the run's collection: an input, a try of the callback, a slot."""
        outcome = self.engine.write(move)
        if isinstance(outcome, Unwritten) and _wrote_it_before(move, outcome.item):
            return Written(outcome.item)
        return outcome

    def get(self, run_id: str, now_ms: int, *, consistent: bool = True) -> Head | None:
        """The run, or None: also when its retention is over and TTL has not deleted it yet."""
        item = self.engine.get(run_id, HEAD, consistent=consistent)
        head = Head.from_item(item) if item else None
        return None if head is None or head.expired_at(now_ms) else head

    def get_many(self, run_ids: Sequence[str], now_ms: int) -> dict[str, Head]:
        """The runs that exist and are not expired, by id."""
        heads: Iterable[Head] = (
            Head.from_item(item)
            for start in range(0, len(run_ids), 100)
            for item in self.engine.get_many(run_ids[start : start + 100])
        )
        return {head.run_id: head for head in heads if not head.expired_at(now_ms)}

    def parts_of(self, run_ids: Sequence[str], part: str) -> list[Item]:
        """One part of each of at most 100 items, those that exist, in no order."""
        return self.engine.get_many(run_ids, part)

    def part(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        """Another item of the run's collection, as it is stored."""
        return self.engine.get(run_id, part, consistent=consistent)

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        """The items of one run whose sort key begins with `prefix`, in its order."""
        return self.engine.parts(run_id, prefix)

    def index(
        self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool, after: Key | None
    ) -> list[Key]:
        """One page of one shard of an index: see `Engine.index`."""
        return self.engine.index(name, shard, low=low, high=high, limit=limit, newest_first=newest_first, after=after)


def _wrote_it_before(move: Move, found: Item) -> bool:
    """botocore repeated this very write after losing the response to it."""
    return bool(move.mine) and all(found.get(k) == v for k, v in move.mine.items())

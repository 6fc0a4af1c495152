"""An index that lies in shards, read as one: what is asked for, in which order, and when a reader stops."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_once.store.shards import Shards
from invoke_once.store.store import Key, Store
from invoke_once.testing import MemoryTable


class Counted(Store):
    """Keys as they are given, and the queries that were sent: (shard, limit)."""

    def __init__(self, kept: dict[str, list[int]]) -> None:
        super().__init__(MemoryTable())
        self.kept, self.asked = kept, list[tuple[str, int]]()

    def index(self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool,
              after: Key | None) -> list[Key]:  # fmt: skip
        assert name == "due"
        self.asked.append((shard, limit))
        ats = sorted((at for at in self.kept[shard] if low <= at <= high), reverse=newest_first)
        if after is not None:
            ats = ats[ats.index(after.at) + 1 :]
        return [Key(f"run_{at}", shard, at) for at in ats[:limit]]


def of(**kept: list[int]) -> tuple[Counted, Shards]:
    store = Counted(kept)
    return store, Shards(store, "due", list(kept))


def ats(keys: Any) -> list[int]:
    return [key.at for key in keys]


def test_a_shard_is_read_to_its_end_page_by_page() -> None:
    store, shards = of(a=[1, 2, 3, 4, 5])
    assert ats(shards.keys("a", size=2)) == [1, 2, 3, 4, 5]
    assert store.asked == [("a", 2)] * 3


def test_newest_first_after_a_key_and_within_bounds() -> None:
    _, shards = of(a=[1, 2, 3, 4, 5])
    found = shards.keys("a", size=2, low=2, high=4, newest_first=True, after=Key("run_4", "a", 4))
    assert ats(found) == [3, 2]


@pytest.mark.parametrize(
    ("most", "limits"), [(0, []), (1, [1]), (2, [2]), (3, [2, 1]), (4, [2, 2]), (6, [2, 2, 2]), (9, [2, 2, 2])]
)
def test_no_more_is_read_than_is_wanted(most: int, limits: list[int]) -> None:
    store, shards = of(a=[1, 2, 3, 4, 5])
    assert ats(shards.keys("a", size=2, most=most)) == [1, 2, 3, 4, 5][:most]
    assert [limit for _, limit in store.asked] == limits


def test_nothing_is_asked_where_nothing_can_lie() -> None:
    store, shards = of(a=[1])
    assert ats(shards.keys("a", size=2, low=3, high=2)) == []
    assert store.asked == []
    assert ats(shards.keys("a", size=2, low=1, high=1)) == [1]


def test_what_is_due_since_ever_is_found_too() -> None:
    _, shards = of(a=[0, 1])
    assert ats(shards.keys("a", size=2)) == [0, 1]
    assert [ats(page) for page in shards.in_turns(high=1, size=2)] == [[0, 1]]
    assert ats(shards.oldest(2)) == [0, 1]


def test_pages_come_from_the_shards_in_turn() -> None:
    store, shards = of(a=[1, 2, 3, 4], b=[9], c=[])
    assert [ats(page) for page in shards.in_turns(high=9, size=2)] == [[1, 2], [9], [3, 4]]
    assert [shard for shard, _ in store.asked] == ["a", "b", "c", "a", "a"]


def test_the_oldest_of_all_shards_come_in_order() -> None:
    _, shards = of(a=[1, 5, 6], b=[2, 3, 9])
    assert ats(shards.oldest(2)) == [1, 2, 3, 5]


def test_a_reader_of_the_newest_goes_on_where_it_was() -> None:
    _, shards = of(a=[1, 4, 6], b=[2, 4, 5])
    reader = shards.newest(low=1, high=6, size=2)
    taken = reader.take(3)
    assert ats(taken) == [6, 5, 4] and reader.has_more() and not reader.exhausted
    for key in taken:
        reader.passed(key)
    again = shards.newest(low=1, high=6, size=2, position=reader.position)
    rest = again.take(9)
    assert [(key.shard, key.at) for key in rest] == [("a", 4), ("b", 2), ("a", 1)]
    assert again.exhausted and again.has_more()
    for key in rest:
        again.passed(key)
    assert not again.has_more()

"""What the store asks of its engine and keeps of a text, to the letter."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from invoke_once.life.conditions import all_of, any_of, at_most, below, equals, missing
from invoke_once.life.head import HEAD
from invoke_once.life.move import Arm, Move
from invoke_once.store import texts
from invoke_once.store.expressions import shape
from invoke_once.store.store import Item, Key, Store
from invoke_once.testing import Bench, MemoryTable


def test_runs_are_asked_for_by_the_hundred_which_is_what_dynamodb_takes() -> None:
    asked = list[int]()

    class Counting(MemoryTable):
        def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
            asked.append(len(run_ids))
            return super().get_many(run_ids, part)

    store = Store(Counting())
    assert store.get_many([f"run_{n}" for n in range(201)], 0) == {}
    assert asked == [100, 100, 1]


def test_two_moves_share_a_text_only_where_it_is_the_same() -> None:
    def move(condition: Any, **more: Any) -> Hashable:
        return shape(Move("X", "run_a", (Arm("arm", condition),), **({"set": {}} | more)))

    one, other = equals("status", "queued"), missing("lease_id")
    different = [
        move(one), move(other), move(at_most("due_at", 1)), move(below("due_at", 1)), move(all_of(one, other)),
        move(any_of(one, other)), move(one, set={"progress": 1}), move(one, set_once={"progress": 1}),
        move(one, add={"progress": 1}), move(one, remove=("progress",)), move(one, set={"message": 1}),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert move(equals("status", "running")) == move(one)


def test_a_text_that_fills_its_room_is_kept_whole() -> None:
    room = texts.WORDS_CHARS
    pieces = ["w" * 500] * 3
    assert room == 1_500 and texts._cut(pieces) == "w" * 1_500
    assert texts._cut(["first\n", *pieces]) == "w" * 1_500
    assert texts._short("x" * 500) == "x" * 500
    assert texts._short("x" * 501) == "x" * 498 + "…\n"


def test_a_page_of_the_memory_table_begins_after_the_key_of_the_last_one() -> None:
    bench = Bench()
    for part in ("head", "part"):
        bench.table.items["run_a", part] = {"run_id": "run_a", "part": part, "due_shard": "due#0", "due_at": 5}

    def page(after: Key | None, newest_first: bool) -> list[str]:
        found = bench.table.index("due", "due#0", low=0, high=9, limit=1, newest_first=newest_first, after=after)
        return [key.part for key in found]

    first, last = Key("run_a", "due#0", 5, "head"), Key("run_a", "due#0", 5, "part")
    assert (page(None, False), page(first, False), page(last, False)) == (["head"], ["part"], [])
    assert (page(None, True), page(last, True), page(first, True)) == (["part"], ["head"], [])


def test_the_last_pieces_of_a_trace_are_kept_frames_and_words_each_in_their_room() -> None:
    frame, words = '  File "a.py", line 1, in f\n', "ValueError: no\n"
    kept = texts._cut([words, *[frame] * 1_000, *[words] * 1_000])
    room = texts.TRACE_CHARS - texts.WORDS_CHARS
    assert kept == frame * (room // len(frame)) + words * (texts.WORDS_CHARS // len(words))

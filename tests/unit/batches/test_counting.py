"""What is read of a batch: letters by chunk, the counts of the whole, what is noted of them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.batches import tally
from tests.unit.batches.noted import Noted

NOW = 1_800_000_000_000
COUNTS = {
    "total": 5, "waiting": 0, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0, "expired": 0,
}  # fmt: skip


def read(world: Noted, until_ms: int = NOW + 99) -> tally.Tally:
    found = tally.noted(world.svc, world.now)
    tally.read(world.svc, found, until_ms, 1)
    return found


@pytest.mark.parametrize(("done", "age_ms", "letter"), [
    ({"done": True}, 3_600_001, "e"), ({"done": True}, 3_600_000, "-"), ({}, 3_600_001, "-"),
])  # fmt: skip
def test_a_run_that_is_not_there_an_hour_after_its_chunk_was_done_is_forgotten(
    done: Any, age_ms: int, letter: str
) -> None:
    world = Noted(3)
    world.chunk(0, at=NOW - age_ms, **done)
    world.run(1, "running")
    found = read(world)
    assert found.letters == [f"{letter}-{letter}"] and (found.running, found.unbegun) == (1, [])
    assert found.complete is False and found.undone() == (0 if done else 1)


def test_a_chunk_without_a_time_is_not_forgotten() -> None:
    world = Noted(1)
    world.chunk(0, done=True)
    assert read(world).letters == ["-"]


def test_only_a_run_of_this_pass_has_a_letter_but_one_that_has_succeeded() -> None:
    world = Noted(5)
    world.change(batch_pass=2, previous="before", born=4, counted_at=NOW)
    for index, status in enumerate(("succeeded", "failed", "expired", "running", "failed")):
        world.run(index, status, **({"batch_pass": 2} if index == 2 else {}))
    found = read(world)
    assert (found.letters, found.unbegun, found.running) == (["s-e--"], [1, 3], 0)
    assert world.noting.letters == [] and found.counts() == COUNTS | {"waiting": 3, "succeeded": 1, "expired": 1}


def test_the_letters_of_a_chunk_are_noted_when_it_is_complete_and_now_and_then_before() -> None:
    for counted, seen, letters, noted in (
        (NOW, None, "ss", True), (NOW, "s-", "ss", True), (NOW, "ss", "ss", False), (NOW, None, "s-", False),
        (NOW - 600_000, None, "s-", True), (NOW - 600_000, "s-", "s-", False), (NOW - 600_000, None, "--", False),
        (NOW - 600_000, "s-", "sf", True),
    ):  # fmt: skip
        world = Noted(2)
        world.change(counted_at=counted)
        world.chunk(0, at=NOW, **({"letters": seen} if seen else {}))
        for index, letter in enumerate(letters):
            world.run(index, {"s": "succeeded", "f": "failed", "-": "queued"}[letter])
        assert read(world).letters == [letters]
        done = {"done": True} if "-" not in letters else {}
        wrote = {"letters": letters, "expires_at": NOW // 1000 + 400 * 86_400} | done
        assert world.noting.sets == ([wrote] if noted else [])


def test_a_look_reads_what_may_have_changed_alone_and_begins_anywhere() -> None:
    world = Noted(450)
    world.chunk(0, letters="s" * 100, done=True)
    world.chunk(1, letters="s" * 99 + "-")
    world.chunk(3, at=NOW)
    world.change(born=401)
    world.svc = type(world.svc)(*(getattr(world.svc, name) for name in world.svc.__struct_fields__[:6]), lambda: 0.7)
    found = read(world)
    assert found.open_chunks == [1, 2, 3, 4]
    assert world.indexes() == [[*range(300, 400)], [*range(400, 450)], [199], [*range(200, 300)]]
    world.forget()
    assert read(world, until_ms=NOW).letters == found.letters and world.indexes() == []
    world.change(born=400)
    assert tally.noted(world.svc, world.now).open_chunks == [1, 2, 3]
    world.chunk(4, "stop", at=NOW)
    assert tally.noted(world.svc, world.now).open_chunks == [1, 2, 3]
    world.change(cancel_requested=True)
    found = tally.noted(world.svc, world.now)
    assert (found.open_chunks, found.undone()) == ([1, 2, 3, 4], 4)
    world.chunk(1, "stop", done=True)
    assert tally.noted(world.svc, world.now).undone() == 3

"""Workers of a batch: how they are sent, which chunk each takes, what they leave when their time is over."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.batches import spread
from chalicelib.invoker import Unavailable
from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.life.moves import batch_moves
from tests.unit.batches.noted import Noted
from tests.unit.batches.world import SETTINGS
from tests.unit.printed import lines

NOW = 1_800_000_000_000
DAY_MS = 86_400_000


def worked(world: Noted, **more: Any) -> int:
    return spread.work(world.svc, world.id, **({"threads": 1} | more))


@pytest.mark.parametrize(("chunks", "sent"), [(0, 0), (3, 3), (4, 4), (9, 4)])
def test_as_many_workers_are_sent_as_have_something_to_do_and_at_most_four(chunks: int, sent: int, capsys: Any) -> None:
    world = Noted(1)
    capsys.readouterr()
    spread.send_workers(world.svc, world.now, chunks)
    assert world.calls.made == [
        (SETTINGS.attend_function, {"spread": world.id, "worker": number}, {"tries": 2}) for number in range(sent)
    ]
    assert lines(capsys) == []
    world.calls.answer = Unavailable("Throttled", known=True)
    spread.send_workers(world.svc, world.now, min(chunks, 1))
    reason = "Unavailable(reason='Throttled', known=True, type='TargetUnavailable')"
    assert lines(capsys) == [{"event": "spread_not_fired", "batch": world.id, "reason": reason}] * min(chunks, 1)


@pytest.mark.parametrize(
    ("worker", "order"), [(0, [0, 1, 2, 3, 4]), (1, [1, 2, 3, 4, 0]), (2, [2, 3, 4, 0, 1]), (3, [3, 4, 0, 1, 2])]
)
def test_each_worker_begins_at_another_chunk_and_takes_all_that_are_left(
    worker: int, order: list[int], capsys: Any
) -> None:
    world = Noted(405)
    for chunk in range(5):
        world.chunk(chunk, letters="s" * (100 if chunk < 4 else 5))  # nothing is to be begun
    capsys.readouterr()
    assert worked(world, worker=worker) == 5
    assert world.noting.letters == ["BK", "BC"] * 5
    assert lines(capsys) == [
        {"event": "spread", "batch": world.id, "chunk": chunk, "did": "chunk", "whole": True} for chunk in order
    ]
    assert (world.stored(4)["at"], world.stored(4)["done"]) == (NOW, True)
    assert worked(world) == 0 and worked(Noted(1), budget_ms=0) == 0


def test_a_chunk_that_another_has_taken_is_passed_over() -> None:
    world = Noted(250)
    world.chunk(0, at=NOW - batch_moves.CHUNK_LEASE_MS + 1, token="t")
    world.chunk(1, at=NOW - 99, done=True)
    assert worked(world) == 1
    assert [head["batch_index"] for head in world.items() if head["part"] == "head"] == list(range(200, 250))
    assert world.stored(0) == {
        "run_id": world.id, "part": world.stored(0)["part"], "at": NOW - batch_moves.CHUNK_LEASE_MS + 1, "token": "t",
    }  # fmt: skip


def test_a_worker_that_lost_a_chunk_takes_the_next_one() -> None:
    world = Noted(150)
    real = world.noting.parts

    def parts(run_id: str, prefix: str) -> Any:
        found = real(run_id, prefix)
        world.chunk(0, at=NOW, token="t")  # since it was read
        return found

    world.noting.parts = parts  # type: ignore[method-assign]
    assert worked(world) == 1
    assert world.noting.letters == ["BK!", "BK", *["A"] * 50, "BC"]


def test_a_worker_that_is_out_of_time_leaves_its_chunk_free_for_the_next_one(capsys: Any) -> None:
    world = Noted(100)
    real = world.calls.fire

    def slow(*given: Any, **more: Any) -> Any:
        world.clock.step(1_000)
        return real(*given, **more)

    world.calls.fire = slow  # type: ignore[method-assign]
    capsys.readouterr()
    assert worked(world, budget_ms=3_000) == 0
    assert world.noting.letters == ["BK", "A", "A", "A", "BC"]
    assert lines(capsys)[-1] == {"event": "spread", "batch": world.id, "chunk": 0, "did": "chunk", "whole": False}
    assert (world.stored(0)["at"], world.stored(0).get("done")) == (0, None)
    world.forget()
    assert worked(world) == 0, "twenty seconds of its own"
    assert world.noting.letters == ["BK", *["A"] * 20, "BC"], "those that are there are read, and not asked by a write"
    assert world.indexes() == [[*range(100)]]
    assert spread.BUDGET_MS == 20_000


def test_nothing_is_read_of_a_fresh_chunk_in_the_first_pass_and_all_of_it_later() -> None:
    world = Noted(5)
    assert worked(world) == 1 and world.indexes() == []
    later = Noted(5)
    later.change(batch_pass=2, previous="before")
    later.chunk(0, generation="before", letters="sfs-c", done=True)
    assert worked(later) == 1 and later.indexes() == [[1, 3, 4]], "what has succeeded stays"
    assert later.noting.letters == ["BK", "A", "A", "A", "BC"]


def test_what_has_its_letter_is_not_begun_again() -> None:
    world = Noted(205)
    world.chunk(1, letters="s" + "-" * 98 + "f")
    world.chunk(2, letters="-tce-")
    for chunk in (0, 1, 2):
        world.run(chunk * 100, "running")
    worked(world)
    begun = [head["batch_index"] for head in world.items() if head["part"] == "head" and head["status"] == "queued"]
    assert begun == [*range(1, 100), *range(101, 199), 204]


def test_a_cancelled_batch_has_what_there_is_stopped_and_the_rest_born_cancelled(capsys: Any) -> None:
    world = Noted(3, max_running=1)
    world.run(0, "running")
    world.run(1, "succeeded")
    assert worked(world) == 0, "who looks begins the runs of a batch with `max_running`"
    world.change(cancel_requested=True)
    capsys.readouterr()
    assert worked(world) == 1
    assert world.noting.letters == ["BK", "N", "BT", "BC"] and world.indexes() == [[0, 1, 2]]
    assert lines(capsys) == [{"event": "spread", "batch": world.id, "chunk": 0, "did": "stop", "whole": True}]
    assert world.stored(0, "stop")["done"] is True


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_nothing_is_spread_of_a_batch_that_has_ended_or_is_gone(status: str) -> None:
    world = Noted(3)
    world.change(status=status)
    assert worked(world) == 0
    world.noting.items.clear()
    assert (worked(world), world.noting.letters) == (0, [])


def test_items_that_are_gone_stop_the_worker_which_frees_its_chunk_and_no_cancel() -> None:
    world = Noted(3)
    world.objects.objects.clear()
    with pytest.raises(PayloadCorrupt):
        worked(world)
    world.change(cancel_requested=True)
    assert worked(world) == 1
    assert [world.head(n).status for n in range(3)] == ["cancelled"] * 3


def test_a_worker_reads_the_items_once() -> None:
    world, reads = Noted(250), list[str]()
    real = world.objects.get

    def get(key: str) -> bytes:
        reads.append(key)
        return real(key)

    world.objects.get = get  # type: ignore[method-assign]
    assert worked(world) == 3
    assert reads == [str(world.now.input_ref).removeprefix("s3:")]
    assert len(spread.read_manifest(world.svc, world.now)) == 250


def test_a_chunk_is_given_back_also_where_the_store_fails() -> None:
    world = Noted(3)

    def fire(*_: Any, **__: Any) -> Any:
        raise PayloadCorrupt("no")

    world.calls.fire = fire  # type: ignore[method-assign]
    with pytest.raises(PayloadCorrupt):
        worked(world)
    assert (world.noting.letters, world.stored(0)["at"]) == (["BK", "A", "BC"], 0)


@pytest.mark.parametrize(
    ("created", "counted", "later_ms", "put"),
    [
        (NOW, None, DAY_MS - 1 - NOW % DAY_MS, False), (NOW, None, DAY_MS - NOW % DAY_MS, True),
        (NOW, NOW + DAY_MS, DAY_MS, False), (NOW, NOW + DAY_MS, 2 * DAY_MS, True), (NOW - 9 * DAY_MS, NOW, 0, False),
    ],
)  # fmt: skip
def test_the_items_of_a_batch_that_runs_for_weeks_are_put_anew_each_day(
    created: int, counted: int | None, later_ms: int, put: bool
) -> None:
    world, puts = Noted(1), list[tuple[str, bytes]]()
    world.change(created_at=created, counted_at=counted or 0)
    world.clock.step(later_ms)
    world.objects.put = lambda key, data: puts.append((key, data))  # type: ignore[method-assign]
    spread.keep_manifest_daily(world.svc, world.now)
    key = str(world.now.input_ref).removeprefix("s3:")
    assert puts == ([(key, world.objects.objects[key])] if put else [])


@pytest.mark.parametrize("error", [PayloadCorrupt("gone"), StoreUnavailable("S3 is away", "SlowDown")])
def test_items_that_cannot_be_put_anew_today_are_tomorrow(error: Exception) -> None:
    world = Noted(1)

    def get(_: str) -> bytes:
        raise error

    world.objects.get = get  # type: ignore[method-assign]
    world.clock.step(DAY_MS)
    spread.keep_manifest_daily(world.svc, world.now)
    with pytest.raises(type(error)):
        spread.keep_manifest(world.svc, world.now)

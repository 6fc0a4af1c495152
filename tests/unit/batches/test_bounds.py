"""A batch at its bounds: what makes two requests one, when it is looked at, how many runs a page has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.batches import documents, hints, pages, spread
from chalicelib.batches.start import accept, cancel, is_known, retry
from chalicelib.runs.dispatch import KeyReused
from invoke_once.errors import PayloadCorrupt
from invoke_once.life.status import Status
from invoke_once.testing import Clock, MemoryObjects
from tests.unit.batches.world import World


def test_a_key_is_known_once_it_has_a_batch() -> None:
    world = World()
    request = world.request(1)
    assert not is_known(world.svc, request)
    accept(world.svc, request)
    assert is_known(world.svc, request)
    assert not is_known(world.svc, structs.replace(request, key=None))


@pytest.mark.parametrize(
    "other",
    [{"max_running": 1}, {"callback_url": None}, {"labels": {"a": "b"}}, {"options": {"max_attempts": 2}}],
    ids=lambda other: next(iter(other)),
)
def test_a_request_that_asks_for_anything_else_is_another(other: dict[str, Any]) -> None:
    world = World()
    request = world.request(2)
    accept(world.svc, request)
    assert accept(world.svc, request).replayed
    with pytest.raises(KeyReused):
        accept(world.svc, structs.replace(request, **other))


def test_a_batch_without_a_key_is_a_new_one_each_time() -> None:
    world = World()
    first, second = (world.post(1, key=None) for _ in range(2))
    assert first.batch.run_id != second.batch.run_id
    assert (first.replayed, second.replayed, first.batch.fingerprint) == (False, False, None)


def test_each_item_has_its_input() -> None:
    world = World()
    with pytest.raises(ValueError, match="shorter"):
        accept(world.svc, structs.replace(world.request(2), inputs=[{}]))


def test_each_run_is_what_the_batch_asks_it_to_be() -> None:
    world = World()
    batch = world.post(2, options={"max_attempts": 2, "delay_ms": 5_000}).batch
    world.clock.step(1_000)
    world.attend(world.queues.attends.pop(0))
    runs = world.runs(batch.run_id)
    assert [(run.max_attempts, run.not_before, run.key) for run in runs] == [
        (2, batch.created_at + 5_000, f"{batch.run_id}/{n}") for n in range(2)
    ]


def test_a_batch_tells_of_its_beginning_of_a_repeat_its_cancel_and_its_next_pass(capsys: Any) -> None:
    world = World()
    batch = world.post(2).batch
    world.post(2)
    assert cancel(world.svc, batch) is not None
    world.drain()
    assert retry(world.svc, world.batch(batch.run_id)) is not None
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {line["event"]: line for line in lines if line.get("batch") == batch.run_id}
    begun = told["batch_accepted"]
    assert (begun["function"], begun["tenant"], begun["total"], begun["BatchesAccepted"]) == ("echo", "demo", 2, 1)
    assert told["batch_replayed"]["run_status"] == "running"
    assert told["batch_retried"]["number"] == 2
    assert "batch_cancelled" in told


@pytest.mark.parametrize(("max_running", "after_ms"), [(None, spread.RESPREAD_MS), (1, 0)])
def test_a_pass_is_looked_at_when_its_workers_should_be_done_or_at_once_where_the_look_begins_its_runs(
    max_running: int | None, after_ms: int
) -> None:
    world = World(body=lambda _index, time: Status.FAILED if time == 1 else Status.SUCCEEDED)
    batch = world.post(2, max_running=max_running).batch
    assert batch.not_before == world.clock() + after_ms
    world.drain()
    again = retry(world.svc, world.batch(batch.run_id))
    assert again is not None and again.not_before == world.clock() + after_ms
    sent = world.queues.attends.pop(0)
    assert ("spread" in sent) is (max_running is None)


@pytest.mark.parametrize(
    ("chunk", "free"),
    [
        (None, True), ({}, True), ({"at": 80_000}, True), ({"at": 80_001}, False),
        ({"at": 80_000, "done": True}, False),
    ],
)  # fmt: skip
def test_a_chunk_is_free_when_the_worker_that_took_it_is_out_of_time(chunk: Any, free: bool) -> None:
    assert spread.free(chunk, 100_000) is free


@pytest.mark.parametrize(
    ("age_s", "seconds"), [(9.9, 1), (10, 2), (59.9, 2), (60, 5), (599.9, 5), (600, 10), (9_999, 10)]
)
def test_an_older_batch_is_worth_a_look_less_often(age_s: float, seconds: int) -> None:
    batch = World().post(1).batch
    assert documents.retry_after_s(batch, batch.created_at + int(age_s * 1000)) == seconds


class Queue(list[tuple[str, int]]):
    def send(self, run_id: str, delay_s: int) -> None:
        self.append((run_id, delay_s))


def test_a_batch_whose_runs_end_is_looked_at_at_once_and_then_each_second() -> None:
    due, queue, name = list[str](), Queue(), "batch_of_this_test"
    for now_ms in (5_000, 5_000, 5_999, 6_000, 6_500, 7_000, 7_999, 9_000):
        hints.look_soon(now_ms, name, due, queue)
    assert len(due) == 2 and queue == [(name, 1)] * 3


def run_of(batch: str, status: str) -> dict[str, Any]:
    return {"part": {"S": "head"}, "batch": {"S": batch}, "status": {"S": status}}


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        (None, "queued", False), (None, "scheduled", False), (None, "cancelled", True), ("queued", "running", True),
        ("running", "running", False), ("running", "succeeded", True), ("failed", "queued", True),
    ],
)  # fmt: skip
def test_a_run_that_begins_or_ends_has_its_batch_counted(old: str | None, new: str, counts: bool) -> None:
    images = {"NewImage": run_of("b", new)} | ({"OldImage": run_of("b", old)} if old else {})
    assert hints.batch_of({"dynamodb": images}) == ("b" if counts else None)
    images["NewImage"]["part"] = {"S": "input#x"}
    assert hints.batch_of({"dynamodb": images}) is None


def test_pages_of_runs_follow_on_each_other_and_are_full_by_number_or_by_bytes() -> None:
    world = World()
    batch_id = world.post(5).batch.run_id
    world.drain()

    def page(begin: int, limit: int, length: int) -> tuple[list[str], int | None]:
        found = pages.runs(world.svc, world.batch(batch_id), begin, limit, lambda _: True, (),
                           lambda head: str(head.batch_index).rjust(length))  # fmt: skip
        return [text.strip() for text in found.texts], found.next_index

    assert page(0, 2, 1) == (["0", "1"], 2)
    assert page(2, 2, 1) == (["2", "3"], 4)
    assert page(4, 2, 1) == (["4"], None)
    assert page(3, 2, 1) == (["3", "4"], None), "a full page that is the last has none after it"
    half = -(-pages.MAX_PAGE_BYTES // 2)
    assert page(1, 5, half) == (["1", "2"], 3)


class Aging(MemoryObjects):
    """A bucket that forgets what was put 40 days ago."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.put_at = clock, dict[str, int]()

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data)
        self.put_at[key] = self.clock()

    def get(self, key: str) -> bytes:
        if self.clock() - self.put_at.get(key, 0) > 40 * spread.DAY_MS:
            raise PayloadCorrupt("the stored payload is missing")
        return super().get(key)


class OverMonths(World):
    """Each of its bodies takes three days."""

    def __init__(self) -> None:
        super().__init__(body=self._three_days)

    @property
    def objects(self) -> MemoryObjects:
        self._objects = getattr(self, "_objects", None) or Aging(self.clock)
        return self._objects

    def _three_days(self, _index: int, _time: int) -> Status:
        self.clock.step(3 * spread.DAY_MS)
        return Status.SUCCEEDED


def test_a_batch_that_begins_its_runs_over_months_keeps_its_items() -> None:
    world = OverMonths()
    batch_id = world.post(30, max_running=1).batch.run_id
    world.drain()
    assert world.batch(batch_id).status == "succeeded"
    assert set(world.bodies.values()) == {1} and len(world.bodies) == 30


def test_a_batch_whose_items_are_gone_is_ended_by_a_cancel() -> None:
    world = World()
    batch_id = world.post(150, max_running=2).batch.run_id
    world.attend(world.queues.attends.pop(0))
    world.objects.objects.clear()
    assert cancel(world.svc, world.batch(batch_id)) is not None
    world.drain()
    counts = json.loads(world.batch(batch_id).counts or "{}")
    assert (world.batch(batch_id).status, counts["cancelled"] + counts["succeeded"]) == ("cancelled", 150)

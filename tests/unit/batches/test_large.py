"""The largest batch there may be: what one request, one page and one look of it take does not grow with its size."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

from bench.units import write_units
from chalicelib.batches import look, manifest, members, pages, tally
from invoke_once.life import moves
from invoke_once.life.batch import CHUNK, MOST_ITEMS, Batch
from invoke_once.life.head import INDEX_KEYS
from invoke_once.life.move import Move
from invoke_once.life.moves import batch_moves
from invoke_once.store.dynamo import stored
from invoke_once.store.store import Written
from invoke_once.testing import MemoryTable
from tests.unit.batches.world import World

BYTES_A_RUN = 64 * 1024 * 1024 // MOST_ITEMS


class Reads(MemoryTable):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Any:
        self.asked.append(1)
        return super().get(run_id, part, consistent=consistent)

    def get_many(self, run_ids: Any, part: str = "head") -> Any:
        self.asked.append(len(run_ids))
        found = (MemoryTable.get(self, run_id, part) for run_id in run_ids)
        return [item for item in found if item is not None]

    def parts(self, run_id: str, prefix: str) -> Any:
        self.asked.append(1)
        return super().parts(run_id, prefix)


def begun(total: int, runs: int) -> tuple[World, Batch]:
    """A batch of `total` items, of which the first `runs` are runs."""
    world = World(engine=Reads())
    batch = world.post(total).batch
    items = manifest.Manifest(world.svc.payloads.object(str(batch.input_ref).removeprefix("s3:")))
    for index in range(runs):
        new = members.new_run(world.svc, batch, index, items[index])
        world.store.apply(moves.start(new, world.clock()))
    return world, batch


def reads_of(total: int) -> dict[str, list[int]]:
    world, batch = begun(total, CHUNK)
    table = world.table
    assert isinstance(table, Reads)
    found = {}
    for name, ask in (
        ("results", lambda: pages.results(world.svc, batch, 0, 100, "")),
        ("runs", lambda: pages.runs(world.svc, batch, 0, 100, lambda _head: True, (), lambda head: head.run_id)),
    ):
        table.asked.clear()
        assert len(ask().texts) == 100
        found[name] = list(table.asked)
    return found


def test_a_page_of_the_largest_batch_reads_what_a_page_of_a_small_one_does() -> None:
    assert reads_of(MOST_ITEMS) == reads_of(CHUNK) == {"results": [100], "runs": [100]}


class Units(MemoryTable):
    """Counts what DynamoDB would charge for its writes; one that is refused costs one."""

    units = 0.0

    def write(self, move: Move) -> Any:
        old = self.items.get((move.run_id, move.part))
        outcome = super().write(move)
        if isinstance(outcome, Written):
            self.units += sum(write_units(stored(old) if old else None, stored(outcome.item), INDEX_KEYS).values())
        else:
            self.units += 1
        return outcome


def test_a_run_of_a_batch_costs_what_a_single_one_does_and_its_part_of_the_whole() -> None:
    table = Units()
    world = World(engine=table)
    batch_id = world.post(200).batch.run_id
    world.drain()
    assert world.batch(batch_id).cb_status == "delivered"
    assert 6 < table.units / 200 <= 6.1


def test_a_look_at_ten_thousand_runs_takes_less_than_64_mb() -> None:
    total = 1_000  # a tenth: what it takes grows with the runs that it reads
    world, batch = begun(total, total)
    for chunk in range(batch.chunks):
        world.store.put_part(batch_moves.take_chunk(batch, chunk, world.clock()))
    tracemalloc.start()
    found = tally.noted(world.svc, batch)
    tally.read(world.svc, found, world.clock() + look.BUDGET_MS, threads=4)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.counts()["waiting"] == total
    assert most < BYTES_A_RUN * total


def test_the_manifest_of_the_largest_batch_is_read_within_64_mb() -> None:
    data = manifest.pack(manifest.Item(json.dumps({"n": n, "pad": "x" * 380}).encode()) for n in range(MOST_ITEMS))
    assert 3_500_000 < len(data) < 4_500_000
    tracemalloc.start()
    read = manifest.Manifest(data)
    assert json.loads(read[MOST_ITEMS - 1].text)["n"] == MOST_ITEMS - 1
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < BYTES_A_RUN * MOST_ITEMS

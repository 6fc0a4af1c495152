"""A batch or a bulk job that is due: attend and the sweep know it by its id and its part."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.due.attend import attend
from chalicelib.due.sweep import sweep
from invoke_once.life.due import Due
from invoke_once.life.head import Head
from tests.unit.batches.world import World as Batches
from tests.unit.bulk.world import World as Jobs


def owing() -> tuple[Batches, str]:
    """A batch that has ended, and whose callback is to be sent."""
    world = Batches()
    batch_id = world.post(1).batch.run_id
    world.drain()
    owes: dict[str, Any] = {"cb_status": "pending", "cb_due": world.clock(), "due_at": world.clock()}
    world.table.items[batch_id, "batch"] |= owes | {"due_shard": "due#0"}  # type: ignore[attr-defined]
    return world, batch_id


def test_a_batch_has_its_callback_sent_and_says_so() -> None:
    world, batch_id = owing()
    told = list[Head]()
    assert attend(world.svc, batch_id, lambda _svc, head: told.append(head)) == Due.DELIVER
    assert [head.run_id for head in told] == [batch_id]


def test_the_sweep_looks_at_a_batch_in_an_invocation_of_its_own() -> None:
    world, batch_id = owing()
    swept = sweep(world.svc, lambda *_: pytest.fail("it is not the sweep's to send"), workers=1)
    assert (swept.looked_at, swept.failed) == (1, 0)
    assert world.queues.attends == [{"run_ids": [batch_id]}]


def test_a_bulk_job_is_done_when_it_is_looked_at() -> None:
    world = Jobs()
    world.start(1)
    job = world.bulk("cancel", function="echo")
    world.clock.to(job.not_before or 0)
    attend(world.svc, job.run_id, lambda *_: None)
    assert world.look(job).status == "done"

"""A batch while the processes that work for it are killed."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

import pytest

from infra.local.emulator import Emulator
from invoke_once.life import keys
from tests.faults.proxy import FaultProxy, How, behind
from tests.faults.stack import bodies_run, head, invoke, kill_all, later, make_due
from tests.receiver import Receiver
from tests.service import TERMINAL, Service, until

pytestmark = pytest.mark.slow
ITEMS = 12  #: two more than a worker begins at once
NEVER_FIRED = How(after_s=4)  #: less than the invoker waits


def test_a_batch_whose_spreader_and_targets_are_killed_is_each_run_once_and_one_telling(
    service: Service, emulator: Emulator
) -> None:
    name = uuid.uuid4().hex
    items = [{"input": {"counter": f"{name}-{n}", "seconds": 60 if n == 0 else 0}} for n in range(ITEMS)]
    with Receiver() as receiver, FaultProxy(service.endpoint) as network, behind(service, network, "attend"):
        network.fail("lambda", "Invoke", NEVER_FIRED)  # the spreader is killed meanwhile
        body = {"function": "count", "items": items, "callback": {"url": receiver.url}}
        posted = service.req("POST", "/batches", json=body, headers={"Idempotency-Key": f'"{name}"'})
        assert posted.status_code == 202, posted.text
        batch_id = posted.json()["id"]
        batch = head(service, batch_id, "batch")
        ids = [keys.item_id("count", batch_id, batch["seed"], n) for n in range(ITEMS)]

        until(lambda: head(service, ids[0]), message="nothing was begun")
        assert kill_all(service, emulator, "attend") >= 1
        begun = [run_id for run_id in ids if head(service, run_id)]
        chunk = f"chunk#{batch['generation']}#000"
        assert begun and "done" not in head(service, batch_id, chunk), "the spreader was done before"
        network.heal()
        later(service, batch_id, chunk, "at", 60_000)  # its worker has been silent for long
        later(service, batch_id, "batch", "spread_at", 60_000)
        for run_id in begun:
            with suppress(service.aws("dynamodb").exceptions.ConditionalCheckFailedException):
                make_due(service, run_id)
        invoke(service, "attend", {"run_ids": [batch_id]})

        until(lambda: all(head(service, run_id).get("status") in TERMINAL for run_id in ids[1:]), 60)
        until(lambda: bodies_run(service, f"{name}-0") == 1, message="the first one was not fired")
        assert kill_all(service, emulator, "count") >= 1
        ended = until(lambda: ended_batch(service, batch_id), message="the batch did not end")
        (told,) = receiver.wait(1)
        statuses = [head(service, run_id)["status"] for run_id in ids]
        bodies = [bodies_run(service, f"{name}-{n}") for n in range(ITEMS)]
    assert statuses == ["failed"] + ["succeeded"] * (ITEMS - 1)
    assert bodies == [1] * ITEMS
    counts = ended["counts"]
    assert (counts["succeeded"], counts["failed"]) == (ITEMS - 1, 1)
    event = told.event(service.deployed.webhook_secret)
    assert (event["type"], event["data"]["counts"]) == ("batch.failed", counts) and len(receiver.hits) == 1


def ended_batch(service: Service, batch_id: str) -> dict[str, Any] | None:
    found: dict[str, Any] = service.req("GET", f"/batches/{batch_id}").json()
    return found if found["status"] != "running" else None

"""A Python worker and a Node.js worker on one real table: one of them has a run, each reads what the other wrote."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.local.emulator import Emulator
from infra.ship import node as node_files
from invoke_once import tracked
from invoke_once.handler.runtime import Runtime, now_ms, use_runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Store
from invoke_once.testing import Context, MemoryObjects
from tests.contract.conftest import create_table
from tests.service import until

TABLE = "race-runs"
RUNS = 60


class NodeWorker:
    """One process; `fire` returns what the handler did."""

    def __init__(self, url: str) -> None:
        aws = {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
               "AWS_SECRET_ACCESS_KEY": "test"}  # fmt: skip
        env = {"PATH": os.environ["PATH"], "ONCE_RUNS_TABLE": TABLE, "ONCE_FUNCTION": "report", "ONCE_TENANT": "demo"}
        self.process = subprocess.Popen(
            ["node", str(Path(__file__).parent / "worker.mjs")],
            env=env | aws, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.answers: dict[str, Any] = {}
        self.told = threading.Condition()
        self.line()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def line(self) -> Any:
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        return json.loads(text) if text else None

    def _read(self) -> None:
        while (found := self.line()) is not None:
            with self.told:
                self.answers[found["key"]] = found
                self.told.notify_all()

    def fire(self, key: str, event: dict[str, Any], left_ms: int = 60_000) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"key": key, "event": event, "left_ms": left_ms}) + "\n")
        self.process.stdin.flush()

    def answer(self, key: str) -> dict[str, Any]:
        with self.told:
            assert self.told.wait_for(lambda: key in self.answers, timeout=30), "the worker does not answer"
            found = self.answers[key]
        assert "error" not in found, found
        return found["answer"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> Iterator[DynamoTable]:
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_ACCESS_KEY_ID", "test")
        env.setenv("AWS_SECRET_ACCESS_KEY", "test")
        made = DynamoTable(TABLE, host=emulator.url, region="us-east-1")
        made.connection.warm()
        create_table(TABLE, emulator.url)
        yield made


@pytest.fixture(scope="module")
def worker(emulator: Emulator, table: DynamoTable) -> Iterator[NodeWorker]:
    assert node_files.sdk(), "the AWS SDK is missing in node/node_modules"
    made = NodeWorker(emulator.url)
    with made.process:
        yield made
        made.process.kill()
        made.reader.join()


@pytest.fixture
def runtime(table: DynamoTable) -> Runtime:
    store = Store(table)
    return Runtime(store, Payloads(store, MemoryObjects()))


@tracked
def by_python(_event: Any, _context: Any) -> dict[str, str]:
    return {"by": "python"}


def started(runtime: Runtime, key: str, **policy: Any) -> Head:
    result = runtime.store.apply(moves.start(moves.NewRun("demo", "report", key, **policy), now_ms()))
    assert isinstance(result, Applied)
    return result.head


def event_of(head: Head, value: Any = None) -> dict[str, Any]:
    meta = {"run_id": head.run_id, "generation": head.generation, "attempt": 1, "fired_at": now_ms(), "v": 1}
    return {"invoke_once": meta, "input": value or {}}


def test_of_a_python_and_a_node_worker_one_has_the_run(worker: NodeWorker, runtime: Runtime) -> None:
    heads = [started(runtime, f"race-{n}") for n in range(RUNS)]

    def race(head: Head) -> tuple[Head, dict[str, Any], dict[str, Any]]:
        event = event_of(head)
        worker.fire(head.run_id, event)
        return head, by_python(event, Context(now_ms)), worker.answer(head.run_id)

    with use_runtime(runtime), ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(race, heads))
    winners = set()
    for head, python, node in ends:
        assert python.get("duplicate", False) != node.get("duplicate", False), (python, node)
        now = runtime.store.get(head.run_id, now_ms())
        assert now is not None and (now.status, now.attempt) == ("succeeded", 1)
        winner = json.loads(runtime.payloads.output(now))["by"]
        assert winner == ("node" if python.get("duplicate") else "python")
        winners.add(winner)
    assert winners == {"python", "node"}, "the race was none: only one of them was ever first"


def test_what_node_recorded_late_is_refused_when_python_has_taken_over(worker: NodeWorker, runtime: Runtime) -> None:
    head = started(runtime, "late", max_attempts=2)
    worker.fire("late", event_of(head, {"takes_ms": 1_500}))
    claimed = _until_running(runtime, head)
    taken = runtime.store.apply(moves.claim(head.run_id, head.generation, claimed.lease_until + 1, 60_000))
    assert isinstance(taken, Applied) and taken.head.attempt == 2
    assert worker.answer("late") == {"run_id": head.run_id, "status": "running"}
    now = runtime.store.get(head.run_id, now_ms())
    assert now is not None and (now.status, now.lease_id) == ("running", taken.head.lease_id)


def test_what_python_records_late_is_refused_when_node_has_taken_over(worker: NodeWorker, runtime: Runtime) -> None:
    head = started(runtime, "late-python", max_attempts=2)
    past = now_ms() - 120_000
    mine = runtime.store.apply(moves.claim(head.run_id, head.generation, past, 1_000))
    assert isinstance(mine, Applied)
    worker.fire("late-python", event_of(head))
    assert worker.answer("late-python")["status"] == "succeeded"
    late = moves.finish(moves.fence(mine.head), mine.head, "failed", now_ms(), {}, moves.new_token())  # type: ignore[arg-type]
    assert not isinstance(runtime.store.apply(late), Applied)


def test_node_leaves_a_late_event_of_a_paused_function_unclaimed(worker: NodeWorker, runtime: Runtime) -> None:
    head = started(runtime, "paused")
    event = event_of(head)
    event["invoke_once"]["fired_at"] -= 60_000
    runtime.store.put_part(gate_moves.pause("report", 0, '{"*":{"since":1}}', now_ms()))
    try:
        worker.fire("paused", event)
        assert worker.answer("paused") == {"run_id": head.run_id, "status": None, "paused": True}
    finally:
        runtime.store.put_part(gate_moves.pause("report", 1, '{"*":{"since":null}}', now_ms()))
    now = runtime.store.get(head.run_id, now_ms())
    assert now is not None and now.status == "queued"


def _until_running(runtime: Runtime, head: Head) -> Head:
    def running() -> Head | None:
        now = runtime.store.get(head.run_id, now_ms())
        return now if now is not None and now.status == "running" else None

    found = until(running)
    assert found is not None
    return found

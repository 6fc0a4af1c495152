"""Batches from a program, on both clients: start, wait, results in order, runs, cancel, retry."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from invoke_once.client.aio import AsyncOnce
from tests.unit.client.conftest import all_of, ask

BATCH = "batch_" + "a" * 26
COUNTS = {"total": 3, "waiting": 0, "running": 0, "succeeded": 3, "failed": 0, "timed_out": 0, "cancelled": 0,
          "expired": 0}  # fmt: skip


class Fake:
    """The few operations of a batch that has ended, or ends at the second look."""

    def __init__(self, failed: bool = False) -> None:
        self.failed = failed
        self.seen: list[httpx.Request] = []
        self.looks = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        path, query = request.url.path, request.url.params
        if path == "/batches":
            return httpx.Response(202, json=self.document("running"))
        if path == f"/batches/{BATCH}":
            self.looks += 1
            return httpx.Response(200, json=self.document("running" if self.looks == 1 else "succeeded"))
        if path == f"/batches/{BATCH}/results":
            first = "cursor" not in query
            results = [self.result(0), self.result(1)] if first else [self.result(2)]
            return httpx.Response(200, json={"results": results, "next_cursor": "c" if first else None})
        if path.endswith("/output"):
            return httpx.Response(200, json={"large": True})
        if path == f"/batches/{BATCH}/runs":
            run = {"id": "run_" + "b" * 26, "status": query.get("status", "succeeded")}
            return httpx.Response(200, json={"runs": [run], "next_cursor": None})
        return httpx.Response(202, json=self.document("running"))

    def document(self, status: str) -> dict[str, Any]:
        return {"id": BATCH, "status": status, "counts": COUNTS, "idempotency_key": "k"}

    def result(self, index: int) -> dict[str, Any]:
        known = {"index": index, "run_id": "run_" + "c" * 26}
        if index == 1 and self.failed:
            return {**known, "status": "failed", "error": {"type": "E", "message": "no", "trace": None}}
        if index == 2:
            return {**known, "status": "succeeded", "error": None, "links": {"output": "x"}}
        return {**known, "status": "succeeded", "error": None, "output": index}


async def no_sleep(_seconds: float) -> None:
    return None


@pytest.fixture(params=["sync", "async"])
def once(request: pytest.FixtureRequest) -> Callable[[Fake], Any]:
    def client(fake: Fake) -> Any:
        more: dict[str, Any] = {"transport": httpx.MockTransport(fake)}
        if request.param == "sync":
            return Once("http://once.test", "once_x_y", sleep=lambda _s: None, **more)
        return AsyncOnce("http://once.test", "once_x_y", sleep=no_sleep, **more)

    return client


@pytest.mark.anyio
async def test_map_starts_one_batch_and_gives_the_outputs_in_order(once: Callable[[Fake], Any]) -> None:
    fake = Fake()
    batch = await ask(once(fake).map("echo", ({"i": n} for n in range(3)), key="night", max_running=2))
    assert json.loads(fake.seen[0].content) == {
        "function": "echo", "items": [{"input": {"i": n}} for n in range(3)], "max_running": 2}  # fmt: skip
    assert fake.seen[0].headers["idempotency-key"] == '"night"'
    assert (batch.id, batch.status, batch.finished) == (BATCH, "running", False)
    assert await ask(batch.results()) == [0, 1, {"large": True}]
    assert batch.status == "succeeded" and batch.counts["succeeded"] == 3


@pytest.mark.anyio
async def test_a_failed_item_raises_unless_it_is_told_not_to(once: Callable[[Fake], Any]) -> None:
    batch = await ask(once(Fake(failed=True)).map("echo", [1, 2, 3]))
    with pytest.raises(client_errors.RunFailed, match="E: no"):
        await ask(batch.results())
    assert await ask(batch.results(raise_failed=False)) == [0, None, {"large": True}]


@pytest.mark.anyio
async def test_runs_cancel_and_retry(once: Callable[[Fake], Any]) -> None:
    fake = Fake()
    batch = once(fake).batch(BATCH)
    assert [run.status for run in await all_of(batch.runs(status="failed"))] == ["failed"]
    for act in (batch.cancel, batch.retry):
        assert (await ask(act())).status == "running"
    assert [request.url.path for request in fake.seen[1:]] == [f"/batches/{BATCH}/cancel", f"/batches/{BATCH}/retry"]


@pytest.mark.anyio
async def test_a_mistyped_option_is_refused(once: Callable[[Fake], Any]) -> None:
    with pytest.raises(TypeError, match="did you mean 'key'"):
        await ask(once(Fake()).map("echo", [1], kee="x"))
    fake = Fake()
    await ask(once(fake).map("echo", [1], callback=""))  # a variable that is not set: the service refuses it
    assert json.loads(fake.seen[0].content)["callback"] == {"url": ""}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

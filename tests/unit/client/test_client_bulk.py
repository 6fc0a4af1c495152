"""Bulk jobs from a program, on both clients: counted, begun, followed, stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from invoke_once.client.aio import AsyncOnce
from tests.unit.client.conftest import ask

JOB = "bulk_" + "a" * 26


class Fake:
    """A job that ends at the second look."""

    def __init__(self, stop: int = 202) -> None:
        self.seen: list[httpx.Request] = []
        self.looks, self.stop = 0, stop

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.path.endswith("/stop") and self.stop == 409:
            problem = {"type": "urn:invoke-once:wrong-state", "title": "t", "status": 409, "bulk_status": "done"}
            return httpx.Response(409, json=problem, headers={"Content-Type": "application/problem+json"})
        self.looks += request.method == "GET"
        over = self.looks > 1 or self.stop == 409
        document = {"id": JOB, "status": "done" if over else "running", "matched": 5, "done": 3 if over else 0,
                    "refused": 2, "idempotency_key": "k"}  # fmt: skip
        return httpx.Response(202 if request.method == "POST" else 200, json=document)


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
async def test_a_job_is_begun_with_its_filter_and_followed_to_its_end(once: Callable[[Fake], Any]) -> None:
    fake = Fake()
    since = datetime(2026, 11, 26, 6, tzinfo=UTC)
    job = await ask(
        once(fake).bulk("retry", status="failed", labels={"n": "1"}, created_after=since, key="after-the-outage")
    )
    assert json.loads(fake.seen[0].content) == {
        "action": "retry",
        "filter": {"status": ["failed"], "label": ["n:1"], "created_after": "2026-11-26T06:00:00.000Z"},
    }
    assert fake.seen[0].headers["idempotency-key"] == '"after-the-outage"'
    assert (job.id, job.status, job.finished, job.matched, job.done) == (JOB, "running", False, 5, 0)
    await ask(job.wait())
    assert (job.status, job.finished, job.done, job.refused, job.key) == ("done", True, 3, 2, "k")
    assert {request.url.path for request in fake.seen[1:]} == {f"/bulk/{JOB}"}


@pytest.mark.anyio
async def test_a_dry_run_says_so_and_every_call_has_a_key_of_its_own(once: Callable[[Fake], Any]) -> None:
    fake = Fake()
    client = once(fake)
    for _ in range(2):
        await ask(client.bulk("cancel", dry_run=True, batch="batch_x", status=["queued", "scheduled"]))
    assert json.loads(fake.seen[0].content) == {
        "action": "cancel",
        "filter": {"status": ["queued", "scheduled"], "batch": "batch_x"},
        "dry_run": True,
    }
    assert fake.seen[0].headers["idempotency-key"] != fake.seen[1].headers["idempotency-key"]


@pytest.mark.anyio
@pytest.mark.parametrize("status", [202, 409])
async def test_a_stop_that_comes_too_late_gives_the_job_as_it_ended(once: Callable[[Fake], Any], status: int) -> None:
    fake = Fake(stop=status)
    job = await ask(once(fake).bulk_job(JOB).stop())
    assert job.status == ("running" if status == 202 else "done")
    assert fake.seen[0].url.path == f"/bulk/{JOB}/stop"


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["function", "status", "batch", "created_after", "created_before"])
async def test_a_filter_that_is_given_empty_is_sent(once: Callable[[Fake], Any], name: str) -> None:
    """Left out, it would mean all runs that the others show; the service refuses it."""
    fake, empty = Fake(), [] if name == "status" else ""
    await ask(once(fake).bulk("cancel", **{"function": "echo", name: empty}))
    assert json.loads(fake.seen[0].content)["filter"] == {"function": "echo", name: empty}


@pytest.mark.anyio
async def test_a_mistyped_filter_is_refused_and_nothing_is_sent(once: Callable[[Fake], Any]) -> None:
    fake = Fake()
    with pytest.raises(TypeError, match="did you mean 'status'"):
        await ask(once(fake).bulk("retry", statuss="failed"))
    assert not fake.seen


def test_a_job_that_may_have_begun_says_with_which_key() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    client = Once("http://once.test", "t", transport=httpx.MockTransport(away), sleep=lambda _s: None)
    with pytest.raises(client_errors.ServiceUnreachable) as caught:
        client.bulk("retry", status="failed", key="k1")
    assert caught.value.idempotency_key == "k1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

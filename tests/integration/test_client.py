"""The clients against the deployed service."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from invoke_once.client.aio import AsyncOnce
from tests.service import Service


@pytest.fixture
def once(stack: Service) -> Iterator[Once]:
    with Once(stack.url, stack.default_token) as client:
        yield client


def test_a_job_is_started_watched_and_its_result_fetched(once: Once) -> None:
    run = once.start("sleep", {"seconds": 4}, key=str(uuid.uuid4()))
    fractions = [seen.progress.fraction for seen in run.watch(60) if seen.progress]
    assert fractions == sorted(fractions)
    assert len(fractions) >= 2
    assert run.status == "succeeded"


def test_the_same_key_is_the_same_run(once: Once) -> None:
    key = str(uuid.uuid4())
    first = once.start("echo", {"n": 2**53 + 1}, key=key)
    assert first.result(60) == {"n": 2**53 + 1}
    again = once.start("echo", {"n": 2**53 + 1}, key=key)
    assert (again.id, again.document.replayed, again.result()) == (first.id, True, {"n": 2**53 + 1})
    with pytest.raises(client_errors.Invalid) as caught:
        once.start("echo", {"n": 1}, key=key)
    assert caught.value.type == "idempotency-key-reused"


def test_a_wait_in_the_start_brings_the_result_with_the_answer(once: Once) -> None:
    assert once.start("echo", "quick", wait=20).finished


@pytest.mark.parametrize("size", [0, 10_000, 100_000, 3_000_000])
def test_an_output_of_any_size_is_one_call_away(once: Once, size: int) -> None:
    assert len(once.start("echo", {"__size": size}).result(60)) == size


def test_null_is_an_output(once: Once) -> None:
    assert once.start("echo", None).result(60) is None


def test_failures_carry_the_run(once: Once) -> None:
    with pytest.raises(client_errors.RunFailed, match="out of sugar") as caught:
        once.start("fail", {"message": "out of sugar", "times": 9}).result(60)
    assert caught.value.run.error is not None
    assert "out of sugar" in (caught.value.run.error.trace or "")


def test_a_run_is_cancelled_and_retried(once: Once) -> None:
    run = once.start("echo", 1, delay_seconds=3600)
    assert run.status == "scheduled"
    assert run.cancel().status == "cancelled"
    assert run.cancel().status == "cancelled"
    assert run.retry().result(60) == 1


def test_input_logs_and_lists_are_read_back(once: Once) -> None:
    team = uuid.uuid4().hex
    runs = [once.start("echo", {"n": n}, labels={"team": team}).wait(60) for n in range(3)]
    assert [run.id for run in once.list(labels={"team": team})] == [run.id for run in reversed(runs)]
    assert [run.id for run in once.list(labels={"team": team}, limit=2)] == [runs[2].id, runs[1].id]
    assert runs[0].input() == {"n": 0}
    for event in runs[0].logs():
        assert set(event) >= {"time", "message", "attempt"}


def test_many_runs_at_once_with_the_awaiting_client(stack: Service) -> None:
    async def scenario() -> list[object]:
        async with AsyncOnce(stack.url, stack.default_token) as once:
            runs = await asyncio.gather(*(once.start("echo", n) for n in range(5)))
            return list(await asyncio.gather(*(run.result(60) for run in runs)))

    assert asyncio.run(scenario()) == [0, 1, 2, 3, 4]


def test_another_tenants_run_is_not_there(once: Once, stack: Service) -> None:
    run = once.start("echo", 1)
    with Once(stack.url, stack.token("somebody-else")) as other, pytest.raises(client_errors.NotFound):
        other.get(run.id)

"""Both clients over one fake service; scenarios are written once and run on each."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any

import pytest

from invoke_once.client import Once
from invoke_once.client.aio import AsyncOnce
from invoke_once.client.core.effects import Seams
from tests.once_fake import TOKEN, FakeOnce

Scenario = Callable[[Any], Awaitable[None]]


@pytest.fixture
def fake() -> FakeOnce:
    return FakeOnce()


@pytest.fixture
def once(fake: FakeOnce) -> Iterable[Once]:
    with Once("http://once.test", TOKEN, **settings(fake)) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def play(request: pytest.FixtureRequest, fake: FakeOnce) -> Callable[[Scenario], None]:
    """Run a scenario on the blocking or on the awaiting client. In it, `ask` and `all_of` wait for either."""

    async def on_sync(scenario: Scenario) -> None:
        with Once("http://once.test", TOKEN, **settings(fake)) as client:
            await scenario(client)

    async def on_async(scenario: Scenario) -> None:
        async with AsyncOnce("http://once.test", TOKEN, **(settings(fake) | {"sleep": fake.asleep})) as client:
            await scenario(client)

    stage = on_sync if request.param == "sync" else on_async
    return lambda scenario: asyncio.run(stage(scenario))


def settings(fake: FakeOnce) -> dict[str, Any]:
    return {
        "transport": fake.transport(),
        "sleep": fake.sleep,
        "seams": Seams(clock=fake.clock, chance=lambda: 0.5),
    }


async def ask(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def all_of(items: Iterable[Any] | AsyncIterable[Any]) -> list[Any]:
    return [item async for item in items] if isinstance(items, AsyncIterable) else list(items)

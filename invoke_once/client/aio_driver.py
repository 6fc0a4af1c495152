"""Carries flows out by awaiting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import httpx

from invoke_once.client.core import adapter, steps
from invoke_once.client.core.effects import Answer, Call, Flow

T = TypeVar("T")


class AsyncDriver:
    """Carries flows out by awaiting."""

    def __init__(self, client: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._client, self._sleep = client, sleep

    async def run(self, flow: Flow[T]) -> T:
        """Do what the flow asks for until it returns."""
        answer: Answer | None = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = None
            if isinstance(effect, Call):
                answer = await self._send(effect)
            else:
                await self._sleep(effect.seconds)

    async def each(self, source: steps.Steps[T]) -> AsyncIterator[T]:
        """Every item of every step."""
        while (items := await self.run(source.step())) is not None:
            for item in items:
                yield item

    async def _send(self, call: Call) -> Answer:
        try:
            return adapter.reply(await self._client.send(adapter.request(self._client, call)))
        except adapter.FAILURES as error:
            return adapter.lost(error)

"""The awaiting twin of `handle.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.aio_driver import AsyncDriver
from invoke_once.client.core import flows, steps
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import WATCH_HOLD_S
from invoke_once.client.core.view import View


class AsyncFollowed(View):
    """See `Followed`, whose methods these are."""

    def __init__(self, driver: AsyncDriver, core: Core, its_id: str, info: RunInfo | None = None) -> None:
        super().__init__(core, its_id, info)
        self._driver = driver

    async def refresh(self) -> Self:
        return await self._seen(flows.get(self._core, self.id))

    async def wait(self, timeout: float | None = None) -> Self:
        return await self._seen(steps.wait(self._core, self.id, self._info, timeout))

    async def watch(
        self, timeout: float | None = None, hold: int = WATCH_HOLD_S, *, ticks: bool = False
    ) -> AsyncIterator[Self]:
        watch = steps.Watch(self._core, self.id, self._info, timeout, hold, ticks=ticks)
        async for info in self._driver.each(watch):
            self._noticed(watch, info)
            yield self

    async def _seen(self, flow: Flow[RunInfo]) -> Self:
        self._saw(await self._driver.run(flow))
        return self


class AsyncHandle(AsyncFollowed):
    """See `Handle`, whose methods these are."""

    async def cancel(self) -> Self:
        return await self._seen(flows.cancel(self._core, self.id))

    async def link(self, expires_in_seconds: int | None = None) -> Mapping[str, Any]:
        return await self._driver.run(flows.link(self._core, self.id, expires_in_seconds))

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return await self._driver.run(flows.deliveries(self._core, self.id))

    async def send_callback_again(self) -> None:
        await self._driver.run(flows.send_again(self._core, self.id))

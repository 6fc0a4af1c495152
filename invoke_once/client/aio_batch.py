"""`AsyncBatchHandle`: the awaiting twin of `BatchHandle`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.aio_driver import AsyncDriver
from invoke_once.client.core import flows, steps
from invoke_once.client.core.batches import BatchView, Results, runs_of
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import WATCH_HOLD_S


class AsyncBatchHandle(BatchView):
    """One batch; see `invoke_once.client.BatchHandle`, whose methods these are."""

    def __init__(self, driver: AsyncDriver, core: Core, batch_id: str, info: RunInfo | None = None) -> None:
        super().__init__(core, batch_id, info)
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

    async def results(self, timeout: float | None = None, *, raise_failed: bool = True) -> list[Any]:
        await self.wait(timeout)
        found = self._driver.each(Results(self._core, self.id, raise_failed=raise_failed))
        return [output async for output in found]

    def entries(self) -> AsyncIterator[Mapping[str, Any]]:
        return self._driver.each(Results(self._core, self.id, whole=True))

    def runs(self, status: str | Sequence[str] | None = None) -> AsyncIterator[RunInfo]:
        return self._driver.each(runs_of(self._core, self.id, status))

    async def cancel(self) -> Self:
        return await self._seen(flows.cancel(self._core, self.id))

    async def retry(self) -> Self:
        return await self._seen(flows.retry(self._core, self.id))

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return await self._driver.run(flows.deliveries(self._core, self.id))

    async def send_callback_again(self) -> None:
        await self._driver.run(flows.send_again(self._core, self.id))

    async def link(self, expires_in_seconds: int | None = None) -> Mapping[str, Any]:
        return await self._driver.run(flows.link(self._core, self.id, expires_in_seconds))

    async def _seen(self, flow: Flow[RunInfo]) -> Self:
        self._info = await self._driver.run(flow)
        return self

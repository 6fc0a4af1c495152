"""`AsyncBatchHandle`: the awaiting twin of `BatchHandle`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.aio_handle import AsyncHandle
from invoke_once.client.core import flows
from invoke_once.client.core.batches import BatchView, Results, runs_of
from invoke_once.client.core.document import RunInfo


class AsyncBatchHandle(AsyncHandle, BatchView):
    """One batch; see `invoke_once.client.BatchHandle`, whose methods these are."""

    async def results(self, timeout: float | None = None, *, raise_failed: bool = True) -> list[Any]:
        await self.wait(timeout)
        found = self._driver.each(Results(self._core, self.id, raise_failed=raise_failed))
        return [output async for output in found]

    def entries(self) -> AsyncIterator[Mapping[str, Any]]:
        return self._driver.each(Results(self._core, self.id, whole=True))

    def runs(self, status: str | Sequence[str] | None = None) -> AsyncIterator[RunInfo]:
        return self._driver.each(runs_of(self._core, self.id, status))

    async def retry(self) -> Self:
        return await self._seen(flows.retry(self._core, self.id))

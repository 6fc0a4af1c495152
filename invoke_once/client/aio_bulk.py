"""`AsyncBulkHandle`: the awaiting twin of `BulkHandle`."""

from __future__ import annotations

from typing import Self

from invoke_once.client.aio_handle import AsyncFollowed
from invoke_once.client.core import bulk


class AsyncBulkHandle(AsyncFollowed, bulk.BulkView):
    """One bulk job; see `invoke_once.client.BulkHandle`, whose methods these are."""

    async def stop(self) -> Self:
        return await self._seen(bulk.stop(self._core, self.id))

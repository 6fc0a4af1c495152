"""`AsyncOnce`: the awaiting twin of `Once`, on asyncio and trio. The same flows, carried out by awaiting.

async with AsyncOnce() as once:
    run = await once.start("report", {"uri": "s3://…"}, key="report-2026-11")
    print(await run.result(timeout=600))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import anyio
import httpx

from invoke_once.client.aio_batch import AsyncBatchHandle
from invoke_once.client.aio_bulk import AsyncBulkHandle
from invoke_once.client.aio_driver import AsyncDriver
from invoke_once.client.aio_handle import AsyncHandle
from invoke_once.client.core import adapter, flows, steps
from invoke_once.client.core.batches import Batches, MapOptions, start_batch
from invoke_once.client.core.bulk import Action, BulkOptions, start_bulk
from invoke_once.client.core.connect import core_for
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Seams
from invoke_once.client.core.flows import Core
from invoke_once.client.core.options import ListOptions, StartOptions, list_query, start_request, token_body
from invoke_once.client.core.outputs import Output
from invoke_once.client.core.retry import RetryPolicy
from invoke_once.client.core.view import RunView

__all__ = ["AsyncBatchHandle", "AsyncBulkHandle", "AsyncOnce", "AsyncRunHandle"]


class AsyncRunHandle(AsyncHandle, RunView[Output]):
    """One run; see `invoke_once.client.RunHandle`, whose methods these are."""

    def __init__(
        self, driver: AsyncDriver, core: Core, run_id: str, info: RunInfo | None = None, returns: Any = None
    ) -> None:
        super().__init__(driver, core, run_id, info)
        self._returns = returns

    async def result(self, timeout: float | None = None) -> Output:
        run = (await self.wait(timeout)).document
        return self._typed(await self._driver.run(flows.outcome(self._core, run)))

    async def retry(self, from_start: bool = False) -> Self:
        return await self._seen(flows.retry(self._core, self.id, from_start))

    async def input(self) -> Any:
        return await self._driver.run(flows.payload(self._core, self.id, "input"))

    async def text(self, part: Literal["input", "output"] = "output") -> str:
        return await self._driver.run(flows.text(self._core, self.id, part))

    def logs(self, attempt: int | None = None, follow: bool = False) -> AsyncIterator[Mapping[str, Any]]:
        return self._driver.each(steps.LogTail(self._core, self.id, attempt, follow))

    async def new_logs(self) -> Sequence[Mapping[str, Any]]:
        return await self._driver.run(self._tail.new())


class AsyncTokens:
    """See `invoke_once.client.Tokens`."""

    def __init__(self, driver: AsyncDriver, core: Core) -> None:
        self._driver, self._core = driver, core

    async def create(
        self,
        tenant: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_seconds: int | None = None,
    ) -> Mapping[str, Any]:
        body = token_body(tenant, scopes, expires_in_seconds)
        return await self._driver.run(flows.create_token(self._core, body))

    async def from_iam(self, expires_in_seconds: int | None = None, *, session: object = None) -> Mapping[str, Any]:
        return await self._driver.run(flows.iam_token(self._core, expires_in_seconds, session))

    def list(self, tenant: str | None = None) -> AsyncIterator[Mapping[str, Any]]:
        return self._driver.each(steps.Pages(self._core, "/tokens", "tokens", {"tenant": tenant}))

    async def revoke(self, token_id: str) -> None:
        await self._driver.run(flows.revoke_token(self._core, token_id))


class AsyncOnce:
    """A client of one service; see `invoke_once.client.Once`, whose arguments and methods these are."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        profile: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        seams: Seams | None = None,
    ) -> None:
        self._core = core_for(url, token, profile, timeout, retry, seams)
        self._client = adapter.client(httpx.AsyncClient, transport)
        self._driver = AsyncDriver(self._client, sleep)
        self.tokens = AsyncTokens(self._driver, self._core)

    async def __aenter__(self) -> AsyncOnce:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def url(self) -> str:
        return self._core.target.url

    async def start(
        self,
        function: str,
        input: Any = None,  # noqa: A002
        *,
        returns: type[Output] | None = None,
        **options: Unpack[StartOptions],
    ) -> AsyncRunHandle[Output]:
        info = await self._driver.run(flows.start(self._core, start_request(function, input, options)))
        return AsyncRunHandle(self._driver, self._core, info.id, info, returns)

    async def map(self, function: str, inputs: Iterable[Any], **options: Unpack[MapOptions]) -> AsyncBatchHandle:
        info = await self._driver.run(start_batch(self._core, function, inputs, options))
        return AsyncBatchHandle(self._driver, self._core, info.id, info)

    def batch(self, batch_id: str) -> AsyncBatchHandle:
        return AsyncBatchHandle(self._driver, self._core, batch_id)

    def batches(self, limit: int | None = None) -> AsyncIterator[AsyncBatchHandle]:
        found = Batches(self._core, "/batches", "batches", {}, limit)
        return (AsyncBatchHandle(self._driver, self._core, info.id, info) async for info in self._driver.each(found))

    async def bulk(self, action: Action, *, dry_run: bool = False, **options: Unpack[BulkOptions]) -> AsyncBulkHandle:
        info = await self._driver.run(start_bulk(self._core, action, options, dry_run=dry_run))
        return AsyncBulkHandle(self._driver, self._core, info.id, info)

    def bulk_job(self, bulk_id: str) -> AsyncBulkHandle:
        return AsyncBulkHandle(self._driver, self._core, bulk_id)

    def run(self, run_id: str, *, returns: type[Output] | None = None) -> AsyncRunHandle[Output]:
        return AsyncRunHandle(self._driver, self._core, run_id, None, returns)

    async def get(self, run_id: str, *, returns: type[Output] | None = None) -> AsyncRunHandle[Output]:
        return await self.run(run_id, returns=returns).refresh()

    def list(self, **options: Unpack[ListOptions]) -> AsyncIterator[AsyncRunHandle]:
        runs = steps.Runs(self._core, list_query(options), options.get("limit"))
        return (self._handle(info) async for info in self._driver.each(runs))

    async def functions(self) -> Sequence[Mapping[str, Any]]:
        return await self._driver.run(flows.functions(self._core))

    async def function(self, name: str) -> Mapping[str, Any]:
        return await self._driver.run(flows.function(self._core, name))

    async def pause(self, name: str, reason: str = "") -> Mapping[str, Any]:
        return await self._driver.run(flows.hold_back(self._core, name, "pause", reason))

    async def resume(self, name: str) -> Mapping[str, Any]:
        return await self._driver.run(flows.hold_back(self._core, name, "resume"))

    async def health(self) -> flows.Health:
        return await self._driver.run(flows.health(self._core))

    async def version(self) -> str:
        return await self._driver.run(flows.version(self._core))

    async def deliveries(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        return await self.run(run_id).deliveries()

    def _handle(self, info: RunInfo) -> AsyncRunHandle:
        return AsyncRunHandle(self._driver, self._core, info.id, info)

"""`Once`: start runs, wait for them, look at them. The blocking driver; `aio.py` has its awaiting twin.

    with Once() as once:                                  # ONCE_URL and ONCE_TOKEN, or the profile
        run = once.start("report", {"uri": "s3://…"}, key="report-2026-11")
        print(run.result(timeout=600))

The client chooses a key before its first try and sends it with each, so repeating a call does no harm.
Errors: `invoke_once.client_errors`. A client may be shared by threads, a handle may not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import httpx

from invoke_once.client.batch import BatchHandle
from invoke_once.client.bulk import BulkHandle
from invoke_once.client.core import adapter, flows, steps
from invoke_once.client.core.batches import Batches, MapOptions, start_batch
from invoke_once.client.core.bulk import Action, BulkOptions, start_bulk
from invoke_once.client.core.connect import core_for
from invoke_once.client.core.document import Progress, RunError, RunInfo
from invoke_once.client.core.effects import Seams
from invoke_once.client.core.flows import Core
from invoke_once.client.core.options import ListOptions, StartOptions, list_query, start_request, token_body
from invoke_once.client.core.outputs import Output
from invoke_once.client.core.retry import RetryPolicy
from invoke_once.client.core.view import RunView
from invoke_once.client.driver import Driver
from invoke_once.client.handle import Handle

__all__ = ["BatchHandle", "BulkHandle", "Once", "Progress", "RetryPolicy", "RunError", "RunHandle", "RunInfo"]


class RunHandle(Handle, RunView[Output]):
    """One run: what was last seen of it, and the calls about it. Times are seconds."""

    def __init__(
        self, driver: Driver, core: Core, run_id: str, info: RunInfo | None = None, returns: Any = None
    ) -> None:
        super().__init__(driver, core, run_id, info)
        self._returns = returns

    def result(self, timeout: float | None = None) -> Output:
        """Wait, then give the output, of any size. Raises RunNotSucceeded (RunFailed …) or WaitTimeout."""
        return self._typed(self._driver.run(flows.outcome(self._core, self.wait(timeout).document)))

    def retry(self, from_start: bool = False) -> Self:
        """Run it again, from its last checkpoint or `from_start`. Raises Conflict if it succeeded or has not ended."""
        return self._seen(flows.retry(self._core, self.id, from_start))

    def input(self) -> Any:
        """The input, of any size."""
        return self._driver.run(flows.payload(self._core, self.id, "input"))

    def text(self, part: Literal["input", "output"] = "output") -> str:
        """The input or the output, of any size, as the JSON text that is stored: every digit of a number is there."""
        return self._driver.run(flows.text(self._core, self.id, part))

    def logs(self, attempt: int | None = None, follow: bool = False) -> Iterator[Mapping[str, Any]]:
        """Its log lines, `{"time", "message", "attempt"}`, oldest first; `follow` stays to the end."""
        return self._driver.each(steps.LogTail(self._core, self.id, attempt, follow))

    def new_logs(self) -> Sequence[Mapping[str, Any]]:
        """The log lines of all attempts that this handle has not given yet."""
        return self._driver.run(self._tail.new())


class Tokens:
    """The service's tokens, for a token with the scope `admin`."""

    def __init__(self, driver: Driver, core: Core) -> None:
        self._driver, self._core = driver, core

    def create(
        self,
        tenant: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_seconds: int | None = None,
    ) -> Mapping[str, Any]:
        """A new one. Its `token` is in this answer and never again."""
        body = token_body(tenant, scopes, expires_in_seconds)
        return self._driver.run(flows.create_token(self._core, body))

    def from_iam(self, expires_in_seconds: int | None = None, *, session: object = None) -> Mapping[str, Any]:
        """A new one for the AWS role or user whose credentials botocore finds, an hour long unless told.

        Needs no token, but a stage that lists the role (`iam_callers`). `session`: of boto3 or botocore, for other
        credentials. Raises ConfigurationError where there are none.
        """
        return self._driver.run(flows.iam_token(self._core, expires_in_seconds, session))

    def list(self, tenant: str | None = None) -> Iterator[Mapping[str, Any]]:
        """A tenant's tokens (yours unless told), without secrets."""
        return self._driver.each(steps.Pages(self._core, "/tokens", "tokens", {"tenant": tenant}))

    def revoke(self, token_id: str) -> None:
        """Revoke one; it stops working within a minute."""
        self._driver.run(flows.revoke_token(self._core, token_id))


class Once:
    """A client of one service. `url` and `token` default to ONCE_URL and ONCE_TOKEN, then to the profile.

    `timeout`: seconds that a plain call may take. `transport`, `sleep`, `seams`: for tests.
    Raises ConfigurationError if nothing names the service.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        profile: str | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seams: Seams | None = None,
    ) -> None:
        self._core = core_for(url, token, profile, timeout, retry, seams)
        self._client = adapter.client(httpx.Client, transport)
        self._driver = Driver(self._client, sleep)
        self.tokens = Tokens(self._driver, self._core)

    def __enter__(self) -> Once:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def url(self) -> str:
        return self._core.target.url

    def start(
        self,
        function: str,
        input: Any = None,  # noqa: A002
        *,
        returns: type[Output] | None = None,
        **options: Unpack[StartOptions],
    ) -> RunHandle[Output]:
        """Start a run, or find the one that this key started. Options: see `StartOptions`.

        Raises Invalid for a bad input or a key used with another request, NotFound for an unknown function,
        ServiceUnreachable (its `idempotency_key` says how to ask again for the same run).
        """
        info = self._driver.run(flows.start(self._core, start_request(function, input, options)))
        return RunHandle(self._driver, self._core, info.id, info, returns)

    def map(self, function: str, inputs: Iterable[Any], **options: Unpack[MapOptions]) -> BatchHandle:
        """Start a run for each input, as one batch, or find the batch that this key started. Options: `MapOptions`.

        Raises what `start` does; one bad input is Invalid with its place, and nothing is begun.
        """
        info = self._driver.run(start_batch(self._core, function, inputs, options))
        return BatchHandle(self._driver, self._core, info.id, info)

    def batch(self, batch_id: str) -> BatchHandle:
        """A handle on a batch by its id; nothing is asked yet."""
        return BatchHandle(self._driver, self._core, batch_id)

    def batches(self, limit: int | None = None) -> Iterator[BatchHandle]:
        """The batches, newest first, page by page as needed."""
        found = Batches(self._core, "/batches", "batches", {}, limit)
        return (BatchHandle(self._driver, self._core, info.id, info) for info in self._driver.each(found))

    def bulk(self, action: Action, *, dry_run: bool = False, **options: Unpack[BulkOptions]) -> BulkHandle:
        """Cancel all runs that match, retry them, or have their callbacks sent again (`resend`). See `BulkOptions`.

        `dry_run`: only count them. Raises Invalid without a filter, and for a key used with another request.
        """
        info = self._driver.run(start_bulk(self._core, action, options, dry_run=dry_run))
        return BulkHandle(self._driver, self._core, info.id, info)

    def bulk_job(self, bulk_id: str) -> BulkHandle:
        """A handle on a bulk job by its id; nothing is asked yet."""
        return BulkHandle(self._driver, self._core, bulk_id)

    def run(self, run_id: str, *, returns: type[Output] | None = None) -> RunHandle[Output]:
        """A handle on a run by its id; nothing is asked yet."""
        return RunHandle(self._driver, self._core, run_id, None, returns)

    def get(self, run_id: str, *, returns: type[Output] | None = None) -> RunHandle[Output]:
        """The run as it is now. Raises NotFound."""
        return self.run(run_id, returns=returns).refresh()

    def list(self, **options: Unpack[ListOptions]) -> Iterator[RunHandle]:
        """The runs that match, newest first, page by page as needed. Options: see `ListOptions`."""
        runs = steps.Runs(self._core, list_query(options), options.get("limit"))
        return (self._handle(info) for info in self._driver.each(runs))

    def functions(self) -> Sequence[Mapping[str, Any]]:
        """What may be run, with limits and input schemas."""
        return self._driver.run(flows.functions(self._core))

    def function(self, name: str) -> Mapping[str, Any]:
        """One function's entry. Raises NotFound."""
        return self._driver.run(flows.function(self._core, name))

    def pause(self, name: str, reason: str = "") -> Mapping[str, Any]:
        """Fire no run of a function any more, until it is resumed; its entry. Raises NotFound, Forbidden."""
        return self._driver.run(flows.hold_back(self._core, name, "pause", reason))

    def resume(self, name: str) -> Mapping[str, Any]:
        """Let a paused function's runs go on, the oldest first; its entry. Raises NotFound, Forbidden."""
        return self._driver.run(flows.hold_back(self._core, name, "resume"))

    def health(self) -> flows.Health:
        """The health of the service's parts, healthy or not. Raises ServiceUnreachable, at once."""
        return self._driver.run(flows.health(self._core))

    def version(self) -> str:
        """The service's version; empty where it does not say."""
        return self._driver.run(flows.version(self._core))

    def deliveries(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """The attempts to deliver a run's callback, oldest first."""
        return self.run(run_id).deliveries()

    def _handle(self, info: RunInfo) -> RunHandle:
        return RunHandle(self._driver, self._core, info.id, info)

"""`BatchHandle`: many runs with one outcome, as the blocking client has them; `aio_batch.py` has its awaiting twin.

batch = once.map("report", [{"uri": uri} for uri in uris], key="nightly-2026-11-26")
for output in batch.results():
    …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.core import flows, steps
from invoke_once.client.core.batches import BatchView, Results, runs_of
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import WATCH_HOLD_S
from invoke_once.client.driver import Driver


class BatchHandle(BatchView):
    """One batch: what was last seen of it, and what can be asked of it. Times are seconds."""

    def __init__(self, driver: Driver, core: Core, batch_id: str, info: RunInfo | None = None) -> None:
        super().__init__(core, batch_id, info)
        self._driver = driver

    def refresh(self) -> Self:
        """Read it now."""
        return self._seen(flows.get(self._core, self.id))

    def wait(self, timeout: float | None = None) -> Self:
        """Return when it has ended, however it did. Raises WaitTimeout; lost networks are sat out."""
        return self._seen(steps.wait(self._core, self.id, self._info, timeout))

    def watch(self, timeout: float | None = None, hold: int = WATCH_HOLD_S, *, ticks: bool = False) -> Iterator[Self]:
        """This handle at every change of its counts, to the end or until `timeout`."""
        watch = steps.Watch(self._core, self.id, self._info, timeout, hold, ticks=ticks)
        for info in self._driver.each(watch):
            self._noticed(watch, info)
            yield self

    def results(self, timeout: float | None = None, *, raise_failed: bool = True) -> list[Any]:
        """Wait, then the outputs in the order of the inputs.

        Raises RunNotSucceeded (RunFailed …) at the first run that did not succeed; with `raise_failed=False` its
        output is None.
        """
        self.wait(timeout)
        return list(self._driver.each(Results(self._core, self.id, raise_failed=raise_failed)))

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """What became of each item as it is now, by index: `{"index", "run_id", "status", "output", "error"}`."""
        return self._driver.each(Results(self._core, self.id, whole=True))

    def runs(self, status: str | Sequence[str] | None = None) -> Iterator[RunInfo]:
        """The documents of its runs that have begun, by index."""
        return self._driver.each(runs_of(self._core, self.id, status))

    def cancel(self) -> Self:
        """What has not begun never will; what runs is asked to stop."""
        return self._seen(flows.cancel(self._core, self.id))

    def retry(self) -> Self:
        """Run what did not succeed again. Raises Conflict while it runs, and where everything has succeeded."""
        return self._seen(flows.retry(self._core, self.id))

    def deliveries(self) -> Sequence[Mapping[str, Any]]:
        """The attempts to deliver its callback, oldest first."""
        return self._driver.run(flows.deliveries(self._core, self.id))

    def send_callback_again(self) -> None:
        """Have its callback sent once more."""
        self._driver.run(flows.send_again(self._core, self.id))

    def link(self, expires_in_seconds: int | None = None) -> Mapping[str, Any]:
        """A link that shows this batch and its results to whoever has it: `{"token", "url", "expires_at"}`."""
        return self._driver.run(flows.link(self._core, self.id, expires_in_seconds))

    def _seen(self, flow: Flow[RunInfo]) -> Self:
        self._info = self._driver.run(flow)
        return self

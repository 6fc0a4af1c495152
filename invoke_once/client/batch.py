"""`BatchHandle`: many runs with one outcome, as the blocking client has them; `aio_batch.py` has its awaiting twin.

batch = once.map("report", [{"uri": uri} for uri in uris], key="nightly-2026-11-26")
for output in batch.results():
    …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.core import flows
from invoke_once.client.core.batches import BatchView, Results, runs_of
from invoke_once.client.core.document import RunInfo
from invoke_once.client.handle import Handle


class BatchHandle(Handle, BatchView):
    """One batch: what was last seen of it, and what can be asked of it. Times are seconds."""

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

    def retry(self) -> Self:
        """Run what did not succeed again. Raises Conflict while it runs, and where everything has succeeded."""
        return self._seen(flows.retry(self._core, self.id))

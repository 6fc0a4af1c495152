"""What a handle knows without asking: the part that the sync and the async one share."""

from __future__ import annotations

from typing import Any, Generic, cast

from invoke_once.client.core.document import Progress, RunError, RunInfo
from invoke_once.client.core.flows import Core
from invoke_once.client.core.outputs import Output, typed
from invoke_once.client.core.requests import run_path
from invoke_once.client.core.steps import LogTail, Watch
from invoke_once.errors import InvokeOnceError


class View:
    """A run, a batch or a bulk job as it was last seen. Nothing here asks the service; `refresh`, `wait` … renew it.

    `trouble`: while watching, why the last poll got no good answer; empty when it did.
    """

    def __init__(self, core: Core, its_id: str, info: RunInfo | None = None) -> None:
        run_path(its_id)  # refuse what is no id here, and not only at the first call
        self._core, self._id, self._info = core, its_id, info
        self.trouble = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id} {self._info.status if self._info else 'not read yet'}>"

    @property
    def id(self) -> str:
        return self._id

    @property
    def document(self) -> RunInfo:
        """The whole document. Raises InvokeOnceError on a handle that was made from an id and never read."""
        if self._info is None:
            raise InvokeOnceError(f"{self._id} was not read yet: call refresh() or wait()")
        return self._info

    @property
    def status(self) -> str:
        """A run's: scheduled, queued, running, succeeded, failed, timed_out, cancelled or expired.

        A batch's: running, succeeded (every run did), failed or cancelled. A bulk job's: running, done or stopped.
        """
        return self.document.status

    @property
    def finished(self) -> bool:
        return self.document.finished

    @property
    def key(self) -> str | None:
        """The idempotency key that it was started with."""
        return self.document.idempotency_key

    def _saw(self, info: RunInfo) -> None:
        self._info = info

    def _noticed(self, watch: Watch, info: RunInfo) -> None:
        self.trouble = watch.trouble
        self._saw(info)


class RunView(View, Generic[Output]):
    """What only a run has."""

    def __init__(self, core: Core, run_id: str, info: RunInfo | None = None) -> None:
        super().__init__(core, run_id, info)
        self._returns: Any = None
        self._tail = LogTail(core, run_id)

    @property
    def progress(self) -> Progress | None:
        """`(fraction, message)` as the handler last reported it."""
        return self.document.progress

    @property
    def output(self) -> Output | None:
        """The output while it is in the document (to 8 KB); `result()` gets it whatever its size."""
        run = self.document
        return self._typed(run.output) if run.has_output else None

    @property
    def error(self) -> RunError | None:
        """`(type, message, trace)` of a run that did not succeed."""
        return self.document.error

    @property
    def log_complete(self) -> bool:
        """True when `new_logs` has given all there will ever be."""
        return self._tail.complete

    def _typed(self, value: Any) -> Output:
        return cast(Output, typed(value, self._returns, self._id))

    def _saw(self, info: RunInfo) -> None:
        super()._saw(info)
        self._tail.complete = self._tail.complete and info.finished  # a retried run writes more

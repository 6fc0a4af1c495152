"""What handles on runs, batches and bulk jobs can be asked alike, blocking; `aio_handle.py` has its awaiting twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from invoke_once.client.core import flows, steps
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import WATCH_HOLD_S
from invoke_once.client.core.view import View
from invoke_once.client.driver import Driver


class Followed(View):
    """What ends one day. Times are seconds."""

    def __init__(self, driver: Driver, core: Core, its_id: str, info: RunInfo | None = None) -> None:
        super().__init__(core, its_id, info)
        self._driver = driver

    def refresh(self) -> Self:
        """Read it now."""
        return self._seen(flows.get(self._core, self.id))

    def wait(self, timeout: float | None = None) -> Self:
        """Return when it has ended, however it did. Raises WaitTimeout; lost networks are sat out."""
        return self._seen(steps.wait(self._core, self.id, self._info, timeout))

    def watch(self, timeout: float | None = None, hold: int = WATCH_HOLD_S, *, ticks: bool = False) -> Iterator[Self]:
        """This handle at every change, to the end or until `timeout`. `hold=2` shows progress soon.

        With `ticks` also after every poll without news: `trouble` then says if the service does not answer.
        """
        watch = steps.Watch(self._core, self.id, self._info, timeout, hold, ticks=ticks)
        for info in self._driver.each(watch):
            self._noticed(watch, info)
            yield self

    def _seen(self, flow: Flow[RunInfo]) -> Self:
        self._saw(self._driver.run(flow))
        return self


class Handle(Followed):
    """A run or a batch."""

    def cancel(self) -> Self:
        """What has not begun never will; what runs is asked to stop, when the handler next reports or checks."""
        return self._seen(flows.cancel(self._core, self.id))

    def link(self, expires_in_seconds: int | None = None) -> Mapping[str, Any]:
        """A link that shows this one and its results to whoever has it: `{"token", "url", "expires_at"}`."""
        return self._driver.run(flows.link(self._core, self.id, expires_in_seconds))

    def deliveries(self) -> Sequence[Mapping[str, Any]]:
        """The attempts to deliver its callback, oldest first."""
        return self._driver.run(flows.deliveries(self._core, self.id))

    def send_callback_again(self) -> None:
        """Have its callback sent once more."""
        self._driver.run(flows.send_again(self._core, self.id))

"""`current_run()`: what a handler knows of the run it works for."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Run(Protocol):
    """The run this handler works for. `id` and `attempt` are for its own guards against repeating an effect."""

    @property
    def id(self) -> str: ...

    @property
    def attempt(self) -> int: ...

    @property
    def function(self) -> str: ...

    @property
    def tenant(self) -> str: ...

    @property
    def cancel_requested(self) -> bool:
        """Somebody asked to cancel. Looked up at most every 2 s."""
        ...

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the run is: `fraction` from 0 to 1. As often as you like: one write per 2 s."""
        ...

    def check(self) -> None:
        """Raise `RunCancelled` after a cancel, `AttemptSuperseded` when another attempt has taken over."""
        ...


class NoRun:
    """Outside a run: everything works and does nothing, so that a handler runs in a plain test."""

    id = "local"
    attempt = 1
    function = "local"
    tenant = "local"
    cancel_requested = False

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        return None

    def check(self) -> None:
        return None


current: ContextVar[Run | None] = ContextVar("invoke_once_run", default=None)


def current_run() -> Run:
    """The run being worked for, or an inert one outside of any."""
    return current.get() or NoRun()

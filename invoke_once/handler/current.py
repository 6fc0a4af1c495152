"""`current_run()`: what a handler knows of the run it works for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from invoke_once.errors import NoCurrentRun


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
    def traceparent(self) -> str | None:
        """Of the request that started it (W3C Trace Context): the parent of what the handler traces."""
        ...

    @property
    def tracestate(self) -> str | None:
        """That came with it; the first event of a run alone has it."""
        ...

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
    """Outside Lambda and any run: everything works and does nothing, so that a handler runs in a plain test."""

    id = "local"
    attempt = 1
    function = "local"
    tenant = "local"
    traceparent = None
    tracestate = None
    cancel_requested = False

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        return None

    def check(self) -> None:
        return None


_current: ContextVar[Run | None] = ContextVar("invoke_once_run", default=None)
_live: list[Run] = []  # the attempts that this process works at


@contextmanager
def working(run: Run) -> Iterator[None]:
    """Code inside works for `run`; so does, while it is the only one, code of other threads that do not say."""
    token = _current.set(run)
    _live.append(run)
    try:
        yield
    finally:
        _live.remove(run)
        _current.reset(token)


def current_run() -> Run:
    """The run being worked for: this context's, else the one that this process works at.

    Any thread or executor may ask. Where the process works at several runs, or at none, a thread cannot tell and
    `NoCurrentRun` is raised; outside Lambda, and outside any run, the run is an inert one.
    """
    found = _current.get()
    if found is not None:
        return found
    live = [*_live]
    if len(live) == 1:
        return live[0]
    if not live and not is_deployed():
        return NoRun()
    raise NoCurrentRun(len(live))


def is_deployed() -> bool:
    """Whether this is a function of Lambda's, or set up as one."""
    return any(name in os.environ for name in ("AWS_LAMBDA_FUNCTION_NAME", "ONCE_RUNS_TABLE", "ONCE_FUNCTION"))

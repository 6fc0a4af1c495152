"""`current_run()`: what a handler knows of the run it works for."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol

from invoke_once.errors import ContinueLater, NoCurrentRun


class Run(Protocol):
    """The run this handler works for. With `id` and `attempt` the handler can guard against repeating an effect."""

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
        """The `tracestate` that came with it. Only the first event of a run has it."""
        ...

    @property
    def cancel_requested(self) -> bool:
        """Somebody asked to cancel. Looked up at most every 2 s."""
        ...

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the run is: `fraction` from 0 to 1. Call it as often as you like: it writes once in 2 s."""
        ...

    @property
    def state(self) -> Any:
        """What the newest checkpoint has, of this leg, an earlier one or an earlier attempt; None: there is none."""
        ...

    @property
    def leg(self) -> int:
        """Which leg this is, from 1: a run that goes on after `continue_later` or its timeout has several."""
        ...

    @property
    def time_left(self) -> float:
        """Seconds until Lambda ends this leg."""
        ...

    def checkpoint(
        self, state: Any, fraction: float | None = None, message: str | None = None, *, now: bool = False
    ) -> None:
        """Keep `state`, any JSON to 256 KB: the next leg, a retry and a redrive begin with it. Tells progress too.

        Call it as often as you like: it writes once in 2 s, and the newest state when the leg ends. With `now` the
        state is written before this returns. If the function has `on_timeout = "continue"`, and too little time is
        left for another stretch of work, it ends the leg by raising `ContinueLater`. The next leg begins at once.
        Raises `CheckpointTooLarge` and `NotSerializable`, and with `now` `AttemptSuperseded` and `StoreUnavailable`.
        """
        ...

    def continue_later(self, after: float = 0) -> NoReturn:
        """End this leg. The next one begins `after` seconds later (seven days at most), with the state.

        Nothing runs meanwhile. Raises `ContinueLater`, which the handler lets pass.
        """
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
    state: Any = None
    leg = 1
    time_left = math.inf

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        return None

    def checkpoint(
        self, state: Any, fraction: float | None = None, message: str | None = None, *, now: bool = False
    ) -> None:
        return None

    def continue_later(self, after: float = 0) -> NoReturn:
        raise ContinueLater(after)

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

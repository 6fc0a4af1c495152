"""Watch a run to its end, show it, print its output, give the exit code. For `invoke` and `attach`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoke_once.cli import exits
from invoke_once.cli.output import json_out, note
from invoke_once.cli.views import View, view_for
from invoke_once.errors import InvokeOnceError

if TYPE_CHECKING:
    from invoke_once.client import RunHandle

_HOLD_S = 5  # seconds for which a wait may be held at its beginning
_LOG_HOLD_S = 1  # new log lines are no news that ends a hold
_SETTLE_S, _SETTLE_ROUNDS = 0.5, 20


@dataclass(frozen=True, slots=True)
class Following:
    """How to follow: how long (seconds, None: to the end), with the log, as JSON, without a word."""

    timeout_s: float | None = None
    log: bool = False
    as_json: bool = False
    quiet: bool = False


def follow(run: RunHandle, how: Following) -> int:
    """Watch until the run has ended or the time is over. Ctrl-C leaves it going and says how to come back."""
    view = view_for(quiet=how.quiet)
    try:
        _watch(run, how, view)
        view.close()
        return _finish(run, how) if run.finished else _gave_up(run, how)
    except KeyboardInterrupt:
        view.close()
        note(f"\nleft {run.id} going; come back to it with: once attach {run.id}")
        return exits.INTERRUPTED
    finally:
        view.close()


def _watch(run: RunHandle, how: Following, view: View) -> None:
    log = _Log(run, view) if how.log else None
    if log and run.finished:
        log.show()
    view.show(run.document)
    for seen in run.watch(how.timeout_s, hold=_LOG_HOLD_S if log else _HOLD_S, ticks=True):
        if log and not seen.trouble:
            log.settle() if seen.finished else log.show()
        view.show(seen.document, seen.trouble)


class _Log:
    """A run's log as it grows. One that cannot be read is said once, and is no reason to stop watching."""

    def __init__(self, run: RunHandle, view: View) -> None:
        self._run, self._view, self._readable = run, view, True

    def show(self) -> None:
        """Show what is new."""
        try:
            events = self._run.new_logs() if self._readable else []
        except InvokeOnceError as error:
            self._readable = False
            events = [{"time": "once:", "message": f"the log cannot be read: {error}"}]
        for event in events:
            self._view.log(event, self._run.id)

    def settle(self) -> None:
        """The last lines reach the log after the outcome: look until it is complete, or for some seconds."""
        for _ in range(_SETTLE_ROUNDS):
            self.show()
            if self._run.log_complete or not self._readable:
                return
            time.sleep(_SETTLE_S)


def _finish(run: RunHandle, how: Following) -> int:
    if how.as_json:
        json_out(_whole(run))
    elif run.status == "succeeded":
        json_out(run.result())
    elif run.error and run.error.trace:
        note(f"the handler's trace: once status --trace {run.id}")
    return exits.of_status(run.status)


def _whole(run: RunHandle) -> Mapping[str, Any]:
    """The document with its output in it, also where that is too large to be in what the service sends."""
    data = run.document.data
    return {**data, "output": run.result()} if run.status == "succeeded" else data


def _gave_up(run: RunHandle, how: Following) -> int:
    if how.as_json:
        json_out(run.document.data)
    note(f"gave up waiting; {run.id} goes on. Come back to it with: once attach {run.id}")
    return exits.GAVE_UP

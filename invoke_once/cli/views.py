"""How a run looks while it is watched: a live line with a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from invoke_once.cli.output import indented, note, one_line

if TYPE_CHECKING:
    from invoke_once.client.core.document import RunInfo


class View(Protocol):
    """Something that shows a run."""

    def show(self, run: RunInfo, trouble: str = "") -> None: ...
    def log(self, event: Mapping[str, Any]) -> None: ...
    def close(self) -> None: ...


class QuietView:
    """Log lines, when they were asked for, and nothing else."""

    def show(self, run: RunInfo, trouble: str = "") -> None:
        pass

    def log(self, event: Mapping[str, Any]) -> None:
        note(log_line(event))

    def close(self) -> None:
        pass


class PlainView(QuietView):
    """A line whenever something changed."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, run: RunInfo, trouble: str = "") -> None:
        line = f"{run.id} {_still(trouble) if trouble else describe(run)}"
        if line != self._last:
            note(line)
        self._last = line


class LiveView:
    """One line that changes, with a bar, the percentage and the time; the log scrolls above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.table import Column

        self._console = Console(stderr=True, highlight=False, markup=False)
        narrow = Column(no_wrap=True, overflow="ellipsis")
        text = TextColumn("{task.description}", markup=False, table_column=narrow)
        columns = (SpinnerColumn(), text, BarColumn(bar_width=24), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("starting", total=None)
        self._progress.start()

    def show(self, run: RunInfo, trouble: str = "") -> None:
        fraction = run.progress.fraction if run.progress else None
        total = None if fraction is None else 1.0
        text = _still(trouble) if trouble else describe(run, percent=False)
        self._progress.update(self._task, description=text, total=total, completed=fraction or 0.0)
        if run.finished:
            self._progress.stop()
            style = "green" if run.status == "succeeded" else "red"
            self._console.print(f"{run.id} {describe(run)}", style=style, soft_wrap=True)

    def log(self, event: Mapping[str, Any]) -> None:
        self._progress.console.print(log_line(event), style="dim", soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


def view_for(*, quiet: bool) -> View:
    """The view that suits where stderr goes."""
    if quiet:
        return QuietView()
    return LiveView() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else PlainView()


def describe(run: RunInfo, *, percent: bool = True) -> str:
    """A run's state in a few words: `running 40% half way`, `succeeded in 3.2 s`, `failed: KeyError: …`."""
    if run.status == "succeeded":
        return f"succeeded{_took(run)}"
    if run.finished:
        return f"{run.status}{_why(run)}"
    return " ".join(part for part in (run.status, _attempt(run), _waits(run), *_progress(run, percent)) if part)


def _still(trouble: str) -> str:
    return f"still trying: {one_line(trouble)}"


def log_line(event: Mapping[str, Any]) -> str:
    """One log event: its time and its text. Further lines of the text are set in."""
    time = one_line(event.get("time", ""))
    return f"{time}  {indented(event.get('message', ''), len(time) + 2).rstrip()}"


def _progress(run: RunInfo, percent: bool) -> tuple[str, str]:
    if run.status != "running" or run.progress is None:
        return "", ""
    fraction, message = run.progress
    return (f"{fraction:.0%}" if percent and fraction is not None else ""), one_line(message or "")


def _attempt(run: RunInfo) -> str:
    most = run.data.get("max_attempts") or 1
    return f"(attempt {run.attempt} of {most})" if run.attempt > 1 or (run.attempt and most > 1) else ""


def _waits(run: RunInfo) -> str:
    """What a run waits for, until when, and why: `for its backoff until …: ValueError: …`."""
    what, until = run.data.get("waiting_for"), run.data.get("next_attempt_at")
    if not what:
        return ""
    return one_line(f"for its {what}" + (f" until {until}" if until else "")) + _why(run)


def _why(run: RunInfo) -> str:
    return f": {one_line(run.error.type)}: {one_line(run.error.message)}" if run.error else ""


def _took(run: RunInfo) -> str:
    """` in 3.2 s`, from the start of the last attempt to the end."""
    began = "attempt_started_at" if run.data.get("attempt_started_at") else "started_at"
    try:
        start, end = (datetime.fromisoformat(str(run.data[name])) for name in (began, "finished_at"))
    except (KeyError, ValueError):
        return ""
    return f" in {(end - start).total_seconds():.1f} s"

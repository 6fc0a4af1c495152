"""How a run looks while it is watched: a live line with a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from invoke_once.cli.output import note, one_line
from invoke_once.cli.words import describe, log_line

if TYPE_CHECKING:
    from invoke_once.client.core.document import RunInfo


_WIDE = 100  # columns from which on the live line has room for a whole id
_SHORT = 12  # else its beginning, which every command takes


class View(Protocol):
    """Something that shows a run."""

    def show(self, run: RunInfo, trouble: str = "") -> None: ...
    def log(self, event: Mapping[str, Any], run_id: str = "") -> None: ...
    def close(self) -> None: ...


class QuietView:
    """Log lines, when they were asked for, and nothing else."""

    def show(self, run: RunInfo, trouble: str = "") -> None:
        pass

    def log(self, event: Mapping[str, Any], run_id: str = "") -> None:
        note(log_line(event, run_id))

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
        self._wide = self._console.width >= _WIDE
        bar = BarColumn(bar_width=24 if self._wide else 10)
        columns = (SpinnerColumn(), text, bar, TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(
            *columns, console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("starting", total=None)
        self._progress.start()

    def show(self, run: RunInfo, trouble: str = "") -> None:
        fraction = run.progress.fraction if run.progress else None
        total = None if fraction is None else 1.0
        state = _still(trouble) if trouble else describe(run, percent=False)
        text = f"{run.id if self._wide else run.id[:_SHORT] + '…'} {state}"
        self._progress.update(self._task, description=text, total=total, completed=fraction or 0.0)
        if run.finished:
            self._progress.stop()
            style = "green" if run.status in ("succeeded", "done") else "red"
            self._console.print(f"{run.id} {describe(run)}", style=style, soft_wrap=True)

    def log(self, event: Mapping[str, Any], run_id: str = "") -> None:
        self._progress.console.print(log_line(event, run_id), style="dim", soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


def view_for(*, quiet: bool) -> View:
    """The view that suits where stderr goes."""
    if quiet:
        return QuietView()
    return LiveView() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else PlainView()


def _still(trouble: str) -> str:
    return f"still trying: {one_line(trouble)}"

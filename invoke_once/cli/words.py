"""A run in a few words: its state, what it waits for, how old it is, how long it took; a log event as a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from invoke_once.cli.output import indented, one_line

if TYPE_CHECKING:
    from invoke_once.client.core.document import RunInfo

_WAITS: Mapping[str, str] = {
    "delay": "for its start",
    "backoff": "for its next attempt",
    "continue": "for its next leg",
    "dispatch": "for the function to begin",
    "paused": "because the function is paused",
    "max_running": "for a free place of the function",
    "concurrency": "for its turn",
}


def describe(run: RunInfo, *, percent: bool = True, now: datetime | None = None) -> str:
    """A run's state: `running 40% half way`, `queued (attempt 1 of 3), waiting for its next attempt until …`."""
    if run.status == "succeeded":
        return f"succeeded{f' in {took}' if (took := duration(run)) else ''}"
    if run.finished:
        return f"{run.status}{_why(run)}"
    said = " ".join(part for part in (run.status, _attempt(run), *_progress(run, percent)) if part)
    waits = waiting(run, now or datetime.now(UTC))
    return f"{said}, {waits}" if waits else said


def waiting(run: RunInfo, now: datetime) -> str:
    """`waiting for its next attempt until 15:04:05 (in 30 s): KeyError`; empty for a run that does not wait."""
    what = run.data.get("waiting_for")
    if not what or run.finished or run.status == "running":
        return ""
    text = f"waiting {_WAITS.get(str(what), f'for {one_line(what)}')}"
    until = moment(run.data.get("next_attempt_at"))
    if until is not None and until > now:
        text += f" until {until.astimezone():%H:%M:%S} (in {span((until - now).total_seconds())})"
    return f"{text}{_why(run)}"


def duration(run: RunInfo, now: datetime | None = None) -> str:
    """How long the last attempt took, or has been running: `3.2 s`, `5 m`; empty before it began."""
    start = moment(run.data.get("attempt_started_at")) or moment(run.data.get("started_at"))
    end = moment(run.data.get("finished_at")) or (now if run.status == "running" else None)
    return span((end - start).total_seconds()) if start and end else ""


def age(run: RunInfo, now: datetime) -> str:
    """How long ago it was created: `3 s`, `5 m`, `2 h`, `9 d`."""
    created = moment(run.data.get("created_at"))
    return "" if created is None else span((now - created).total_seconds(), whole=True)


def replayed(seen: RunInfo, kind: str, says: str, retry: str) -> Iterator[str]:
    """A key that was used before: whose run or batch this is, from when, and how to have it run again."""
    yield f"this key had a {kind} already: {seen.id}, {age(seen, datetime.now(UTC))} old, {says}"
    if seen.finished and seen.status != "succeeded":
        yield f"it is not run again; that does: {retry} {seen.id} (or --if-failed rerun)"
    elif seen.finished:
        yield f"it is not run again; a {kind} of its own needs another key"


def span(seconds: float, *, whole: bool = False) -> str:
    """Seconds in the largest unit that fits; tenths below a minute unless `whole`."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.0f} s" if whole else f"{seconds:.1f} s"
    for size, unit in ((86400 * 2, "d"), (3600 * 2, "h")):
        if seconds >= size:
            return f"{seconds / (size / 2):.0f} {unit}"
    return f"{seconds / 60:.0f} m"


def remark(run: RunInfo, now: datetime) -> str:
    """What a list says of a run beside its state: the error's first words, the progress, what it waits for, the key."""
    if run.error:
        return one_line(run.error.message) or one_line(run.error.type)
    progress = " ".join(part for part in _progress(run, percent=True) if part)
    return progress or waiting(run, now) or one_line(run.idempotency_key or "")


def moment(text: object) -> datetime | None:
    """A time of the document; None where there is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def log_line(event: Mapping[str, Any], run_id: str = "") -> str:
    """One log event: its time and its text. Further lines of the text are set in; our own lines are sentences."""
    time = one_line(event.get("time", ""))
    message = str(event.get("message", ""))
    return f"{time}  {indented(_sentence(message, run_id) or message, len(time) + 2).rstrip()}"


def _sentence(message: str, run_id: str) -> str:
    """One of the wrapper's own lines about this run, said; empty for any other line."""
    if not message.startswith("{") or not run_id:
        return ""
    try:
        line = json.loads(message)
        said = _SAID[line["event"]](line) if line.get("run_id") == run_id else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return f"· {said}" if said else ""


def _began(line: Mapping[str, Any]) -> str:
    attempt = line["attempt"] - line.get("legs", 0)
    return f"attempt {attempt} began" if line.get("leg", 1) == 1 else f"leg {line['leg']} of attempt {attempt} began"


def _ended(line: Mapping[str, Any]) -> str:
    error = f" ({line['error_type']})" if line.get("error_type") else ""
    now = f"; the run is {line['run_status']}" if line.get("run_status") not in (None, line["outcome"]) else ""
    return f"attempt {line['attempt']} ended: {line['outcome']}{error}{now}"


def _failed(line: Mapping[str, Any]) -> str:
    trace = f"\n{line['trace']}" if line.get("trace") else ""
    return f"attempt {line['attempt']} raised {line.get('error_type')}: {line.get('message')}{trace}"


_SAID: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "claimed": lambda line: _began(line),
    "leg_lost": lambda line: f"leg {line['leg']} was lost; another one goes on from its checkpoint",
    "checkpoint_not_kept": lambda line: f"the last checkpoint could not be kept: {line['reason']}",
    "attempt_ended": _ended,
    "attempt_failed": _failed,
    "duplicate_refused": lambda line: f"another delivery of its event was ignored: the run was {line['run_status']}",
    "duplicate_answered": lambda line: f"a duplicate call got its outcome: {line['run_status']}",
    "duplicate_dropped": lambda line: f"a duplicate call was dropped: the run was {line['run_status']}",
    "claim_delayed": lambda line: f"the table could not be reached to begin: {line['reason']}",
    "outcome_delayed": lambda line: f"the outcome could not be stored yet: {line['reason']}",
    "outcome_refused": lambda line: f"attempt {line['attempt']} ended {line['outcome']}, but not in time to count",
    "progress_not_told": lambda line: f"progress could not be stored: {line['reason']}",
    "attempt_lost": lambda line: f"attempt {line['attempt']} was lost: it ended without a word",
    "attempt_given_back": lambda line: f"attempt {line['attempt']} did not begin; the run is queued again",
}


def _progress(run: RunInfo, percent: bool) -> tuple[str, str]:
    if run.status != "running" or run.progress is None:
        return "", ""
    fraction, message = run.progress
    return (f"{fraction:.0%}" if percent and fraction is not None else ""), one_line(message or "")


def _attempt(run: RunInfo) -> str:
    most = run.data.get("max_attempts") or 1
    leg = f"leg {run.data['leg']}" if (run.data.get("leg") or 1) > 1 else ""
    attempt = f"attempt {run.attempt} of {most}" if run.attempt > 1 or (run.attempt and most > 1) else ""
    said = ", ".join(part for part in (attempt, leg) if part)
    return f"({said})" if said else ""


def _why(run: RunInfo) -> str:
    return f": {one_line(run.error.type)}: {one_line(run.error.message)}" if run.error else ""

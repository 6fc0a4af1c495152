"""`once list`: runs, newest first."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli.names import complete_functions
from invoke_once.cli.types import duration, examples, label, labels_of, statuses

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client import Once, RunInfo

_WATCH_S = 2.0


@examples(
    "once list --status failed,timed_out --since 2h",
    "once list -f report --label team=data --watch",
)
@click.command("list", short_help="List runs, newest first.")
@click.option("-f", "--function", shell_complete=complete_functions, help="Only of this function.")
@click.option("-s", "--status", type=statuses, multiple=True, help="Only in these states, separated by commas.")
@click.option("--key", help="Only with this idempotency key.")
@click.option("--label", "labels", type=label, multiple=True, help="Only with this label, name=value; repeatable.")
@click.option("--since", type=duration, help="Only those created within this, like 2h or 7d.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("-w", "--watch", is_flag=True, help="Stay, and show what changes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of the runs' documents.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """List runs: status, function, age, how long the last attempt took, and why it failed or what it does.

    In a pipe: id, status, function, creation, key, duration and remark, separated by tabs.
    """
    from invoke_once.cli.output import json_out

    if given["watch"] and given["as_json"]:
        raise click.UsageError("--watch and --json do not go together")
    with session.once() as once:
        if given["watch"]:
            return _watch(once, given)
        runs = _runs(once, given)
    if given["as_json"]:
        json_out([run.data for run in runs])
    elif sys.stdout.isatty():
        _show(runs)
    else:
        _lines(runs)
    return 0


def _runs(once: Once, given: Mapping[str, Any]) -> Sequence[RunInfo]:
    since_s = given["since"]
    found = once.list(
        function=given["function"],
        status=[name for names in given["status"] for name in names] or None,
        key=given["key"],
        labels=labels_of(given["labels"]),
        created_after=None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s),
        limit=None if given["everything"] else given["limit"],
    )
    return [run.document for run in found]


def _watch(once: Once, given: Mapping[str, Any]) -> int:
    """The table anew every two seconds; in a pipe a line for each run whose state is another. Ctrl-C ends it."""
    seen: dict[str, str] = {}
    while True:
        runs = _runs(once, given)
        if sys.stdout.isatty():
            click.clear()
            _show(runs)
        else:
            _lines([run for run in reversed(runs) if seen.get(run.id) != run.status])
            seen |= {run.id: run.status for run in runs}
        time.sleep(_WATCH_S)


def _lines(runs: Sequence[RunInfo]) -> None:
    from invoke_once.cli.output import table
    from invoke_once.cli.words import duration, remark

    now = datetime.now(UTC)
    names = ("run", "status", "function", "created", "key", "took", "remark")
    rows = [
        (r.id, r.status, r.function, r.data.get("created_at"), r.idempotency_key, duration(r, now), remark(r, now))
        for r in runs
    ]
    table(names, rows)


def _show(runs: Sequence[RunInfo]) -> None:
    from invoke_once.cli.output import fitted
    from invoke_once.cli.words import age, duration, remark

    now = datetime.now(UTC)
    rows = [(r.id, r.status, r.function, age(r, now), duration(r, now), remark(r, now)) for r in runs]
    fitted(("run", "status", "function", "age", "took", "remark"), rows, cut=("function", "remark"))

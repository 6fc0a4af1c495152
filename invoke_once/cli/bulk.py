"""`--all` of cancel and retry: one action on all runs that a filter shows, after their number was asked back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import exits, names
from invoke_once.cli.types import duration, label, labels_of, statuses

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client import BulkHandle, Once, RunInfo

#: action: what is done to the runs, in the dashboard's words.
_DONE: Mapping[str, str] = {"cancel": "cancelled", "retry": "sent again", "resend": "told again"}
_SPELT = {"labels": "label", "dry_run": "dry-run"}
_FILTERS = ("function", "status", "labels", "batch", "since")
_OPTIONS = [
    click.option("-f", "--function", shell_complete=names.complete_functions, help="Only runs of this function."),
    click.option("-s", "--status", type=statuses, multiple=True, help="Only runs in these states, by commas."),
    click.option("--label", "labels", type=label, multiple=True, help="Only runs with this label, name=value."),
    click.option("--batch", help="Only runs of this batch."),
    click.option("--since", type=duration, help="Only runs created within this, like 2h or 7d."),
    click.option("--dry-run", is_flag=True, help="Only count them."),
    click.option("--yes", is_flag=True, help="Do not ask."),
]  # fmt: skip


def filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which runs are meant, and how to go about it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check(run_id: str | None, given: Mapping[str, Any], *, everything: bool) -> None:
    """Raises click.UsageError unless it is one run, or --all with a filter."""
    named = [name for name in (*_FILTERS, "dry_run", "yes") if given[name]]
    if everything and run_id is not None:
        raise click.UsageError("say one run, or --all with a filter: not both")
    if not everything and named:
        raise click.UsageError(f"--{_SPELT.get(named[0], named[0])} goes with --all")
    if not everything and run_id is None:
        raise click.UsageError("say which run, or --all with a filter")
    if everything and not any(given[name] for name in _FILTERS):
        raise click.UsageError("--all needs a filter: --function, --status, --label, --batch or --since")


def act(session: Session, action: Any, given: Mapping[str, Any]) -> int:
    """Count, ask, do, and follow it to its end. Exit 0: done, 4: stopped, 5: gave up waiting; it goes on."""
    from invoke_once.cli.output import note

    if not (given["dry_run"] or given["yes"] or _asks()):
        raise click.UsageError("nobody can be asked here: say --yes, or --dry-run to see how many there are")
    wanted = _wanted(given)
    with session.once() as once:
        if given["yes"] and not given["dry_run"]:
            return follow(once.bulk(action, **wanted), given)
        counted = _counted(once, action, wanted, given)
        if given["dry_run"] or not counted.finished:
            return _told(counted, given)
        able = counted.matched - counted.refused
        if not able:
            note(f"nothing to {action}{_others(counted)}")
            return exits.OK
        if not click.confirm(f"{action} {_runs(able)}{_others(counted)}?", err=True):
            note("left as they are")
            return exits.OK
        wanted |= {"created_before": counted.document.data["created_at"]}  # what was counted, and nothing newer
        return follow(once.bulk(action, **wanted), given)


def follow(job: BulkHandle, given: Mapping[str, Any]) -> int:
    """Show how far it is, to its end."""
    from invoke_once.cli.output import note
    from invoke_once.cli.views import view_for

    view = view_for(quiet=given["quiet"] or given["as_json"])
    try:
        view.show(_as_run(job.document))
        for seen in job.watch(given["timeout"], ticks=True):
            view.show(_as_run(seen.document), seen.trouble)
    except KeyboardInterrupt:
        note(f"\nleft {job.id} going; stop it with: once bulk stop {job.id}")
        return exits.INTERRUPTED
    finally:
        view.close()
    return _told(job, given)


def _counted(once: Once, action: Any, wanted: dict[str, Any], given: Mapping[str, Any]) -> BulkHandle:
    from invoke_once.client_errors import WaitTimeout

    job = once.bulk(action, dry_run=True, **wanted)
    try:
        return job.wait(given["timeout"])
    except WaitTimeout:
        return job


def _told(job: BulkHandle, given: Mapping[str, Any]) -> int:
    from invoke_once.cli.output import json_out, note, out

    if given["as_json"]:
        json_out(job.document.data)
    else:
        out(job.id)
        if not given["quiet"]:
            note(words(job.document))
    if not job.finished:
        note(f"gave up waiting; {job.id} goes on")
        return exits.GAVE_UP
    return exits.CANCELLED if job.status == "stopped" else exits.OK


def words(job: RunInfo) -> str:
    """`37 of 40 sent again, 3 in a state that forbids it`; of a dry run, what would be."""
    matched, done, refused = (int(job.data.get(name) or 0) for name in ("matched", "done", "refused"))
    what = _DONE.get(str(job.data.get("action")), "done")
    passed = f", {refused} in a state that forbids it" if refused else ""
    if job.data.get("dry_run"):
        return f"{matched - refused} of {_runs(matched)} would be {what}{passed}"
    return f"{done} of {_runs(matched)} {what}{passed}{', stopped' if job.status == 'stopped' else ''}"


def _as_run(job: RunInfo) -> RunInfo:
    """A job as a view of runs shows it."""
    from invoke_once.client import RunInfo

    matched = int(job.data.get("matched") or 0)
    over = int(job.data.get("done") or 0) + int(job.data.get("refused") or 0)
    return RunInfo({**job.data, "progress": {"fraction": over / max(matched, 1), "message": words(job)}})


def _wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    since_s = given["since"]
    return {
        "function": given["function"],
        "status": [name for several in given["status"] for name in several] or None,
        "labels": labels_of(given["labels"]),
        "batch": given["batch"],
        "created_after": None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s),
    }


def _asks() -> bool:
    return sys.stdin.isatty()


def _runs(number: int) -> str:
    return f"{number} run{'' if number == 1 else 's'}"


def _others(job: BulkHandle) -> str:
    return f" ({job.refused} more in a state that forbids it)" if job.refused else ""

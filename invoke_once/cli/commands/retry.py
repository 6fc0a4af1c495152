"""`once retry`: run a run again that ended without success, or all that a filter shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import bulk, names
from invoke_once.cli.types import duration, examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once retry run_7k3v5x --wait",
    "once retry latest --from-start",
    "once retry --all --status failed,timed_out --since 2h --dry-run",
)
@click.command("retry", short_help="Run an unsuccessful run again, or all that a filter shows.")
@click.argument("run_id", metavar="[RUN]", required=False, shell_complete=names.complete_runs)
@click.option("--from-start", is_flag=True, help="Without its last checkpoint.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the output.")
@click.option("-l", "--log", is_flag=True, help="Show the log while waiting (implies --wait).")
@click.option("--all", "everything", is_flag=True, help="All runs that the filter shows.")
@bulk.filtered
@click.option("--json", "as_json", is_flag=True, help="Print the run's, or the job's, document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="Give up waiting after this (implies --wait).")
@click.pass_obj
def command(session: Session, /, run_id: str | None, everything: bool, **given: Any) -> int:
    """Run a failed, timed out, expired or cancelled run again, under its own id, from its last checkpoint.

    With --all: every run that the filter shows, after you have seen how many; without a terminal --yes says so.
    """
    from invoke_once.cli.follow import Following, follow
    from invoke_once.cli.output import json_out, note, out

    bulk.check(run_id, given, everything=everything)
    if run_id is None:
        if given["from_start"] or given["wait"] or given["log"]:
            raise click.UsageError("--from-start, --wait and --log go with one run")
        return bulk.act(session, "retry", given)
    with session.once() as once:
        run = once.run(names.run_id(once, run_id)).retry(from_start=given["from_start"])
        if given["wait"] or given["log"] or given["timeout"] is not None:
            return follow(run, Following(given["timeout"], given["log"], given["as_json"], given["quiet"]))
    if given["as_json"]:
        json_out(run.document.data)
        return 0
    out(run.id)
    if not given["quiet"]:
        note(f"{run.status}; follow it with: once attach {run.id}")
    return 0

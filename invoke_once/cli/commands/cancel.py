"""`once cancel`: stop a run, at once before it runs, else when its handler next looks; or all that a filter shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import bulk, names
from invoke_once.cli.types import duration, examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once cancel run_7k3v5x",
    "once cancel --all --function report --status queued,scheduled",
)
@click.command("cancel", short_help="Cancel a run, or all that a filter shows.")
@click.argument("run_id", metavar="[RUN]", required=False, shell_complete=names.complete_runs)
@click.option("--all", "everything", is_flag=True, help="All runs that the filter shows.")
@bulk.filtered
@click.option("--json", "as_json", is_flag=True, help="Print the run's, or the job's, document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="With --all: give up waiting after this.")
@click.pass_obj
def command(session: Session, /, run_id: str | None, everything: bool, **given: Any) -> int:
    """Cancel a run. One that is running ends when its handler next reports progress or checks.

    With --all: every run that the filter shows, after you have seen how many; without a terminal --yes says so.
    """
    from invoke_once.cli.output import json_out, out

    bulk.check(run_id, given, everything=everything)
    if run_id is None:
        return bulk.act(session, "cancel", given)
    with session.once() as once:
        run = once.run(names.run_id(once, run_id)).cancel()
    if given["as_json"]:
        json_out(run.document.data)
    else:
        out(f"{run.id} {'cancelled' if run.status == 'cancelled' else 'will stop at its next check'}")
    return 0

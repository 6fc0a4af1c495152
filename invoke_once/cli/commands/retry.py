"""`once retry`: run a run again that ended without success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import duration, examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once retry run_7k3v5x --wait",
    "once retry latest --log",
    "once retry latest --from-start",
)
@click.command("retry", short_help="Run an unsuccessful run again.")
@run_argument
@click.option("--from-start", is_flag=True, help="Without its last checkpoint.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the output.")
@click.option("-l", "--log", is_flag=True, help="Show the log while waiting (implies --wait).")
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="Give up waiting after this (implies --wait).")
@click.pass_obj
def command(
    session: Session,
    /,
    run_id: str,
    from_start: bool,
    wait: bool,
    log: bool,
    as_json: bool,
    quiet: bool,
    timeout: float | None,
) -> int:
    """Run a failed, timed out, expired or cancelled run again, under its own id, from its last checkpoint."""
    from invoke_once.cli.follow import Following, follow
    from invoke_once.cli.output import json_out, note, out

    with session.once() as once:
        run = once.run(names.run_id(once, run_id)).retry(from_start=from_start)
        if wait or log or timeout is not None:
            return follow(run, Following(timeout, log, as_json, quiet))
    if as_json:
        json_out(run.document.data)
        return 0
    out(run.id)
    if not quiet:
        note(f"{run.status}; follow it with: once attach {run.id}")
    return 0

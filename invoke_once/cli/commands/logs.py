"""`once logs`: what a run's handler wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once logs latest -f",
    "once logs run_7k3v5x --attempt 2 --json",
)
@click.command("logs", short_help="Print a run's log lines.")
@run_argument
@click.option("-f", "-F", "--follow", is_flag=True, help="Stay until the run has ended.")
@click.option("--attempt", type=click.IntRange(1), help="Only of this attempt.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def command(session: Session, /, run_id: str, follow: bool, attempt: int | None, as_json: bool) -> int:
    """Print a run's log lines, oldest first. What the wrapper itself wrote is said in words, and is raw with --json."""
    from invoke_once.cli.output import out
    from invoke_once.cli.words import log_line

    with session.once() as once:
        run = once.run(names.run_id(once, run_id, only_runs_have="logs"))
        for event in run.logs(attempt, follow):
            out(json.dumps(event) if as_json else log_line(event, run.id))
    return 0

"""`once logs`: what a run's handler wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@click.command("logs", short_help="Print a run's log lines.")
@click.argument("run_id", metavar="RUN")
@click.option("-F", "--follow", is_flag=True, help="Stay until the run has ended.")
@click.option("--attempt", type=click.IntRange(1), help="Only of this attempt.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def command(session: Session, /, run_id: str, follow: bool, attempt: int | None, as_json: bool) -> int:
    """Print a run's log lines, oldest first."""
    from invoke_once.cli.output import out
    from invoke_once.cli.views import log_line

    with session.once() as once:
        for event in once.run(run_id).logs(attempt, follow):
            out(json.dumps(event) if as_json else log_line(event))
    return 0

"""`once cancel`: stop a run, at once before it runs, else when its handler next looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once cancel run_7k3v5x",
    "once cancel latest --json",
)
@click.command("cancel", short_help="Cancel a run.")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.pass_obj
def command(session: Session, /, run_id: str, as_json: bool) -> int:
    """Cancel a run. One that is running ends when its handler next reports progress or checks."""
    from invoke_once.cli.output import json_out, out

    with session.once() as once:
        run = once.run(names.run_id(once, run_id)).cancel()
    if as_json:
        json_out(run.document.data)
    else:
        out(f"{run.id} {'cancelled' if run.status == 'cancelled' else 'will stop at its next check'}")
    return 0

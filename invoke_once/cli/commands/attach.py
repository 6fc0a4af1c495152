"""`once attach`: wait for a run that was started before, here or anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import duration, examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once attach run_7k3v5x --timeout 10m",
    "once attach latest --log > report.json",
)
@click.command("attach", short_help="Wait for a run and print its output.")
@run_argument
@click.option("-l", "--log", is_flag=True, help="Show the log while waiting.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="Give up waiting after this; the run goes on.")
@click.pass_obj
def command(session: Session, /, run_id: str, log: bool, as_json: bool, quiet: bool, timeout: float | None) -> int:
    """Wait for a run to end and print its output. The exit code is the run's outcome."""
    from invoke_once.cli.follow import Following, follow

    with session.once() as once:
        return follow(once.get(names.run_id(once, run_id)), Following(timeout, log, as_json, quiet))

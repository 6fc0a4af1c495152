"""`once attach`: wait for a run that was started before, here or anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli.types import duration

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@click.command("attach", short_help="Wait for a run and print its output.")
@click.argument("run_id", metavar="RUN")
@click.option("-l", "--log", is_flag=True, help="Show the log while waiting.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="Give up waiting after this; the run goes on.")
@click.pass_obj
def command(session: Session, /, run_id: str, log: bool, as_json: bool, quiet: bool, timeout: float | None) -> int:
    """Wait for a run to end and print its output. The exit code is the run's outcome."""
    from invoke_once.cli.follow import Following, follow

    with session.once() as once:
        return follow(once.get(run_id), Following(timeout, log, as_json, quiet))

"""`once input`: a run's input, what it was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples("once input latest", "once input run_7k3v5x | jq .")
@click.command("input", short_help="Print a run's input.")
@run_argument
@click.pass_obj
def command(session: Session, /, run_id: str) -> int:
    """Print what it was started with: the JSON text as it is stored, of any size."""
    from invoke_once.cli.output import escaped, out

    with session.once() as once:
        out(escaped(once.run(names.run_id(once, run_id)).text("input")))
    return 0

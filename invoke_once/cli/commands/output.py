"""`once output`: a run's output, what its handler returned; and what `once input` has in common with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


def printing(part: Literal["input", "output"], short_help: str, what: str) -> click.Command:
    @examples(f"once {part} latest", f"once {part} run_7k3v5x | jq .")
    @click.command(part, short_help=short_help, help=f"Print {what}: the JSON text as it is stored, of any size.")
    @run_argument
    @click.pass_obj
    def command(session: Session, /, run_id: str) -> int:
        from invoke_once.cli.output import escaped, out

        with session.once() as once:
            run = once.run(names.run_id(once, run_id, only_runs_have=f"an {part}"))
            out(escaped(run.text(part)))
        return 0

    return command


command = printing("output", "Print a run's output.", "what its handler returned")

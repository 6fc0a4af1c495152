"""`once functions`: what can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once functions",
    "once functions report",
    "once functions pause report --reason incident",
    "once functions resume report",
)
@click.command("functions", short_help="Show what can be run.")
@click.argument("name", required=False, shell_complete=names.complete_functions)
@click.argument("paused", metavar="[FUNCTION]", required=False, shell_complete=names.complete_functions)
@click.option("--reason", help="Of a pause: why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(session: Session, /, name: str | None, paused: str | None, reason: str | None, as_json: bool) -> int:
    """List the functions that can be run, or show one with its limits and input schema.

    `pause FUNCTION` fires none of its runs any more (what runs goes on), `resume FUNCTION` lets them go on.
    """
    from invoke_once.cli.output import json_out, table

    if reason is not None and (paused is None or name != "pause"):
        raise click.UsageError("--reason goes with: pause FUNCTION")
    with session.once() as once:
        if paused is not None:
            if name not in ("pause", "resume"):
                raise click.UsageError("give one function, or: pause FUNCTION, resume FUNCTION")
            with names.function_known(once, paused):
                json_out(once.pause(paused, reason or "") if name == "pause" else once.resume(paused))
            return 0
        if name:
            with names.function_known(once, name):
                json_out(once.function(name))
            return 0
        entries = once.functions()
    if as_json:
        json_out(entries)
        return 0
    rows = [(e.get("name"), e.get("mode"), f"{e.get('timeout_seconds')} s", e.get("description")) for e in entries]
    table(("function", "mode", "timeout", "description"), rows)
    return 0

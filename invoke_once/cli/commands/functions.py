"""`once functions`: what can be run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@click.command("functions", short_help="Show what can be run.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(session: Session, /, name: str | None, as_json: bool) -> int:
    """List the functions that can be run, or show one with its limits and input schema."""
    from invoke_once.cli.output import json_out, table

    with session.once() as once:
        if name:
            json_out(once.function(name))
            return 0
        entries = once.functions()
    if as_json:
        json_out(entries)
        return 0
    rows = [(e.get("name"), e.get("mode"), f"{e.get('timeout_seconds')} s", e.get("description")) for e in entries]
    table(("function", "mode", "timeout", "description"), rows)
    return 0

"""`once link`: a URL that shows one run or batch to whoever has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import duration, examples, whole

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples("once link latest", "once link run_7k3v5x --expires-in 7d --json | jq -r .token", "once link batch_…")
@click.command("link", short_help="Make a URL that shows one run or batch without a token.")
@run_argument
@click.option("--expires-in", type=duration, help="When it stops working, like 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print the token, the URL and the expiry as JSON.")
@click.pass_obj
def command(session: Session, /, run_id: str, expires_in: float | None, as_json: bool) -> int:
    """Make a URL of this run or batch alone: whoever has it reads it and its output or results, nothing else."""
    from invoke_once.cli.output import json_out, note, one_line, out

    with session.once() as once:
        made = once.run(names.run_id(once, run_id)).link(whole(expires_in))
    if as_json:
        json_out(made)
        return 0
    out(one_line(made.get("url", "")))
    note(f"whoever has it reads this, until {one_line(made.get('expires_at', ''))}")
    return 0

"""`once deliveries`: how a run's callback was delivered, and once more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once deliveries run_7k3v5x",
    "once deliveries latest --send-again",
)
@click.command("deliveries", short_help="Show how a run's callback was delivered.")
@run_argument
@click.option("--send-again", is_flag=True, help="Send the callback once more, under the same webhook-id.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of the attempts.")
@click.pass_obj
def command(session: Session, /, run_id: str, send_again: bool, as_json: bool) -> int:
    """Show the attempts to deliver a run's callback, oldest first."""
    from invoke_once.cli.output import json_out, note, table

    with session.once() as once:
        run = once.run(names.run_id(once, run_id))
        if send_again:
            run.send_callback_again()
            note(f"the callback will be sent again; look with: once deliveries {run.id}")
            return 0
        attempts = run.deliveries()
    if as_json:
        json_out(attempts)
        return 0
    rows = [(a.get("attempt"), a.get("at"), _result(a), _latency(a), a.get("next_at")) for a in attempts]
    table(("attempt", "at", "result", "took", "next"), rows)
    if not attempts:
        note("no attempt yet (or the run has no callback)")
    return 0


def _result(attempt: Mapping[str, Any]) -> object:
    """The receiver's status, or why there was none."""
    return attempt.get("error") or attempt.get("status_code")


def _latency(attempt: Mapping[str, Any]) -> str:
    return "" if attempt.get("latency_ms") is None else f"{attempt['latency_ms']} ms"

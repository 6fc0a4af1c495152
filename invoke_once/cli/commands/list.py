"""`once list`: runs, newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli.types import duration, label

if TYPE_CHECKING:
    from invoke_once.cli.session import Session

_STATUSES = ["scheduled", "queued", "running", "succeeded", "failed", "timed_out", "cancelled", "expired"]


@click.command("list", short_help="List runs, newest first.")
@click.option("-f", "--function", help="Only of this function.")
@click.option("-s", "--status", type=click.Choice(_STATUSES), help="Only in this state.")
@click.option("--key", help="Only with this idempotency key.")
@click.option("--label", "labels", type=label, multiple=True, help="Only with this label; repeatable.")
@click.option("--since", type=duration, help="Only those created within this, like 2h or 7d.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of the runs' documents.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """List runs. In a pipe: id, status, function, creation, key, separated by tabs."""
    from invoke_once.cli.output import json_out, table

    since_s = given["since"]
    with session.once() as once:
        runs = once.list(
            function=given["function"],
            status=given["status"],
            key=given["key"],
            labels=dict(given["labels"]),
            created_after=None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s),
            limit=None if given["everything"] else given["limit"],
        )
        documents = [run.document for run in runs]
    if given["as_json"]:
        json_out([run.data for run in documents])
        return 0
    rows = [(r.id, r.status, r.function, r.data.get("created_at"), r.idempotency_key) for r in documents]
    table(("run", "status", "function", "created", "key"), rows)
    return 0

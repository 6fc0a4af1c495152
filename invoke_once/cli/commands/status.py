"""`once status`: one run as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client.core.document import RunInfo


@examples(
    "once status run_7k3v5x",
    "once status latest --json",
)
@click.command("status", short_help="Show one run.")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("--trace", is_flag=True, help="Print the failed handler's trace.")
@click.pass_obj
def command(session: Session, /, run_id: str, as_json: bool, trace: bool) -> int:
    """Show a run. The exit code says whether it could be read, not how the run ended: for that, attach."""
    from invoke_once.cli.output import clean, json_out, out

    with session.once() as once:
        run = once.get(names.run_id(once, run_id)).document
    if as_json:
        json_out(run.data)
    elif trace:
        out(clean(run.error.trace or "there is no trace") if run.error else "there is no error")
    else:
        for name, text in _lines(run):
            out(f"{name:<14}{text}")
    return 0


def _lines(run: RunInfo) -> Iterator[tuple[str, str]]:
    """The fields that say something, as name and text."""
    from datetime import UTC, datetime

    from invoke_once.cli.output import one_line
    from invoke_once.cli.words import age, describe

    data = run.data
    labels = " ".join(f"{name}={value}" for name, value in (data.get("labels") or {}).items())
    callback = data.get("callback") or {}
    yield "run", run.id
    yield "function", one_line(run.function)
    yield "status", describe(run)
    yield "attempt", f"{run.attempt} of {data.get('max_attempts') or 1}"
    if (data.get("leg") or 1) > 1:
        yield "leg", str(data["leg"])
    yield "age", age(run, datetime.now(UTC))
    fields = {"key": data.get("idempotency_key"), "labels": labels, "callback": callback.get("status")}
    fields |= {name: data.get(f"{name}_at") for name in ("created", "started")}
    if data.get("attempt_started_at") != data.get("started_at"):
        fields["attempt began"] = data.get("attempt_started_at")
    fields["next"] = data.get("next_attempt_at")
    fields["cancelled by"] = data.get("cancelled_by")
    fields |= {name: data.get(f"{name}_at") for name in ("finished", "expires")}
    for name, value in fields.items():
        if value:
            yield name, one_line(value)

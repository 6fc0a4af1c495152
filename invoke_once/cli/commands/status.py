"""`once status`: one run as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client.core.document import RunInfo


@click.command("status", short_help="Show one run.")
@click.argument("run_id", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("--trace", is_flag=True, help="Print the failed handler's trace.")
@click.pass_obj
def command(session: Session, /, run_id: str, as_json: bool, trace: bool) -> int:
    """Show a run. The exit code says whether it could be read, not how the run ended: for that, attach."""
    from invoke_once.cli.output import clean, json_out, out

    with session.once() as once:
        run = once.get(run_id).document
    if as_json:
        json_out(run.data)
    elif trace:
        out(clean(run.error.trace or "there is no trace") if run.error else "there is no error")
    else:
        for name, text in _lines(run):
            out(f"{name:<10}{text}")
    return 0


def _lines(run: RunInfo) -> Iterator[tuple[str, str]]:
    """The fields that say something, as name and text."""
    from invoke_once.cli.output import one_line
    from invoke_once.cli.views import describe

    data = run.data
    labels = " ".join(f"{name}={value}" for name, value in (data.get("labels") or {}).items())
    callback = data.get("callback") or {}
    yield "run", run.id
    yield "function", one_line(run.function)
    yield "status", describe(run)
    yield "attempt", f"{run.attempt} of {data.get('max_attempts') or 1}"
    fields = {"key": data.get("idempotency_key"), "labels": labels, "callback": callback.get("status")}
    fields |= {name: data.get(f"{name}_at") for name in ("created", "started", "finished", "expires")}
    fields["next"] = data.get("next_attempt_at")
    for name, value in fields.items():
        if value:
            yield name, one_line(value)

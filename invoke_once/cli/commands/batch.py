"""`once batch`: many runs of one function, with one outcome."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import exits, names
from invoke_once.cli.inputs import read_lines
from invoke_once.cli.types import all_of, duration, examples, label, labels_of, whole

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client import BatchHandle, RunInfo

_followed = all_of(
    click.option("--wait", is_flag=True, help="Wait for the end, with a bar of what has ended."),
    click.option("--timeout", type=duration, help="Give up waiting after this (implies --wait); the batch goes on."),
    click.option("--json", "as_json", is_flag=True, help="Print the batch's document, nothing else."),
    click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
)


@examples("once batch start -f report -p inputs.jsonl --wait", "once batch results batch_… > out.jsonl")
@click.group("batch", short_help="Start many runs with one outcome.")
def command() -> None:
    """Start many runs of one function, wait for all of them, get their results in order."""


@examples(
    "once batch start -f report -p inputs.jsonl --key nightly-2026-11-26 --wait",
    "seq 100 | once batch start -f echo -p - --max-running 5",
)
@command.command("start")
@click.option("-f", "--function", required=True, shell_complete=names.complete_functions, help="Which function to run.")
@click.option("-p", "--path", metavar="FILE", required=True, type=click.Path(allow_dash=True),
              help="The inputs, one JSON text a line; - is stdin.")  # fmt: skip
@click.option("--key", help="Idempotency key: the same key is the same batch, however often you ask.")
@click.option("--label", "labels", type=label, multiple=True, help="A label of the batch; repeatable.")
@click.option("--callback", metavar="URL", help="Where to send the one outcome, signed.")
@click.option("--delay", type=duration, help="Start after this.")
@click.option("--queue-timeout", type=duration, help="Expire what was begun and has not started by then.")
@click.option("--retry-max", type=click.IntRange(1), metavar="N", help="At most this many attempts of each.")
@click.option("--max-running", type=click.IntRange(1), metavar="N", help="At most so many at once.")
@click.option("--if-failed", type=click.Choice(["replay", "rerun"]), help="What a known key whose batch failed does.")
@_followed
@click.pass_obj
def start(session: Session, /, **given: Any) -> int:
    """Start a run for each line of a file. Prints the batch's id, or waits. Exit 0: all succeeded, 1: some did not."""
    import uuid

    from invoke_once.cli.output import note
    from invoke_once.cli.words import replayed

    inputs = read_lines(given["path"])
    with session.once(timeout_s=60.0) as once:
        retry_max = given["retry_max"]
        key = given["key"] if given["key"] is not None else str(uuid.uuid4())
        with names.key_told(key, "batch"), names.function_known(once, given["function"]):
            batch = once.map(
                given["function"], inputs, key=key, callback=given["callback"], labels=labels_of(given["labels"]),
                delay_seconds=whole(given["delay"]), queue_timeout_seconds=whole(given["queue_timeout"]),
                retry=None if retry_max is None else {"max_attempts": retry_max}, max_running=given["max_running"],
                if_failed=given["if_failed"],
            )  # fmt: skip
        if batch.document.replayed and not given["quiet"]:
            for line in replayed(batch.document, "batch", _told(batch.document), "once batch retry"):
                note(line)
        return _after(batch, given, "follow it with: once batch status --wait")


@examples("once batch status batch_…", "once batch status batch_… --wait")
@command.command("status")
@click.argument("batch_id")
@_followed
@click.pass_obj
def status(session: Session, /, batch_id: str, **given: Any) -> int:
    """Show a batch: its state, and how many of its runs are where."""
    from invoke_once.cli.output import out, table

    with session.once() as once:
        batch = once.batch(batch_id).refresh()
        if given["wait"] or given["timeout"] is not None or given["as_json"]:
            return _after(batch, given, "")
    out(f"{batch.id} {batch.status}")
    table(("state", "runs"), batch.counts.items())
    return exits.OK


@examples("once batch list", "once batch list --json | jq -r .[].id")
@command.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of their documents.")
@click.pass_obj
def list_(session: Session, /, limit: int, as_json: bool) -> int:
    """List batches, newest first."""
    from invoke_once.cli.output import json_out, table

    with session.once() as once:
        found = [batch.document for batch in once.batches(limit)]
    if as_json:
        json_out([info.data for info in found])
        return exits.OK
    rows = [(i.id, i.status, i.function, i.data.get("created_at"), _told(i)) for i in found]
    table(("batch", "status", "function", "created", "runs"), rows)
    return exits.OK


@examples("once batch results batch_… > out.jsonl", "once batch results batch_… --all | jq -r .status")
@command.command("results")
@click.argument("batch_id")
@click.option("--all", "everything", is_flag=True, help="One line an item, with index, run, status, output or error.")
@click.pass_obj
def results(session: Session, /, batch_id: str, everything: bool) -> int:
    """Print the outputs, one JSON text a line, in the order of the inputs; null for one that did not succeed."""
    from invoke_once.cli.output import escaped, note, out

    with session.once() as once:
        batch = once.batch(batch_id).refresh()
        for entry in batch.entries():
            shown = entry if everything else entry.get("output")
            out(escaped(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))))
    if not batch.finished:
        note(f"{batch.id} is running: there will be more")
    return exits.OK if batch.status in ("succeeded", "running") else exits.FAILED


@examples("once batch cancel batch_…")
@command.command("cancel")
@click.argument("batch_id")
@_followed
@click.pass_obj
def cancel(session: Session, /, batch_id: str, **given: Any) -> int:
    """Cancel a batch: what has not begun never will, what runs is asked to stop."""
    with session.once() as once:
        return _after(once.batch(batch_id).cancel(), given, "")


@examples("once batch retry batch_… --wait")
@command.command("retry")
@click.argument("batch_id")
@_followed
@click.pass_obj
def retry(session: Session, /, batch_id: str, **given: Any) -> int:
    """Run what did not succeed again."""
    with session.once() as once:
        return _after(once.batch(batch_id).retry(), given, "")


def _after(batch: BatchHandle, given: Any, hint: str) -> int:
    """Follow it to its end where that was asked for, and show what it is."""
    from invoke_once.cli.output import json_out, note, out

    followed = given["wait"] or given["timeout"] is not None
    if followed:
        try:
            _follow(batch, given)
        except KeyboardInterrupt:
            note(f"\nleft {batch.id} going; come back to it with: once batch status --wait {batch.id}")
            return exits.INTERRUPTED
    if given["as_json"]:
        json_out(batch.document.data)
    else:
        out(batch.id)
    if followed and batch.finished and not (given["quiet"] or given["as_json"]):
        note(_told(batch.document))
    if followed and not batch.finished:
        note(f"gave up waiting; {batch.id} goes on")
        return exits.GAVE_UP
    if not followed and hint and not given["quiet"]:
        todo = "its results: once batch results" if batch.finished else hint
        note(f"{batch.status}; {todo} {batch.id}")
    return exits.FAILED if followed and batch.status != "succeeded" else exits.OK


def _follow(batch: BatchHandle, given: Any) -> None:
    from invoke_once.cli.views import view_for

    view = view_for(quiet=given["quiet"] or given["as_json"])
    try:
        view.show(_as_run(batch.document))
        for seen in batch.watch(given["timeout"], ticks=True):
            view.show(_as_run(seen.document), seen.trouble)
    finally:
        view.close()


def _as_run(batch: RunInfo) -> RunInfo:
    """A batch as a view of runs shows it: how much of it has ended."""
    from invoke_once.client import RunInfo

    counts = batch.data.get("counts") or {}
    total = max(int(counts.get("total", 1)), 1)
    ended = total - int(counts.get("waiting", 0)) - int(counts.get("running", 0))
    return RunInfo({**batch.data, "progress": {"fraction": ended / total, "message": _told(batch)}})


def _told(batch: RunInfo) -> str:
    """`298 of 300 succeeded, 2 failed`."""
    counts = dict(batch.data.get("counts") or {})
    total, succeeded = counts.pop("total", 0), counts.pop("succeeded", 0)
    others = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)
    return f"{succeeded} of {total} succeeded{', ' if others else ''}{others}"

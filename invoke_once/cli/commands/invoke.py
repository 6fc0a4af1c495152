"""`once invoke`: start a run, as `serverless invoke` does, but exactly one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import click

from invoke_once.cli import exits, names
from invoke_once.cli.inputs import read_input
from invoke_once.cli.types import at_most, duration, examples, label, labels_of, whole

if TYPE_CHECKING:
    from invoke_once.cli.session import Session
    from invoke_once.client import Once, RunHandle, RunInfo
    from invoke_once.client.core.options import Retry

_RETRY = {
    "retry_max": "max_attempts",
    "retry_backoff": "backoff_seconds",
    "retry_max_backoff": "max_backoff_seconds",
}


@examples(
    "once invoke -f report -p input.json --wait",
    "once invoke -f echo -d '{\"a\": 1}' --wait --json | jq .output",
    "cat input.json | once invoke -f report -d - --key monday",
)
@click.command("invoke", short_help="Start a run, and wait for it if you like.")
@click.option("-f", "--function", required=True, shell_complete=names.complete_functions, help="Which function to run.")
@click.option("-d", "--data", metavar="JSON", help="The input; - reads it from stdin.")
@click.option("-p", "--path", metavar="FILE", type=click.Path(allow_dash=True), help="A file with it; - is stdin.")
@click.option("--key", help="Idempotency key: the same key is the same run, however often you ask.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the output.")
@click.option("-l", "--log", is_flag=True, help="Show the log while waiting (implies --wait).")
@click.option("--json", "as_json", is_flag=True, help="Print the run's document, nothing else.")
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--timeout", type=duration, help="Give up waiting after this (implies --wait); the run goes on.")
@click.option("--label", "labels", type=label, multiple=True, help="A label to find the run by; repeatable.")
@click.option("--callback", metavar="URL", help="Where to send the outcome, signed.")
@click.option("--no-callback", is_flag=True, help="Tell nobody, though the function has a default callback.")
@click.option("--delay", type=duration, help="Start after this.")
@click.option("--queue-timeout", type=duration, help="Expire the run if it has not begun by then.")
@click.option("--retry-max", type=click.IntRange(1), metavar="N", help="At most this many attempts.")
@click.option("--retry-backoff", type=duration, help="Pause before the second attempt; it doubles.")
@click.option("--retry-max-backoff", type=duration, help="The longest pause between attempts.")
@click.option("--concurrency", metavar="KEY:MAX", type=at_most, help="At most MAX runs of this key at once; else wait.")
@click.option("--if-failed", type=click.Choice(["replay", "rerun"]), help="What a known key whose run failed does.")
@click.pass_obj
def command(session: Session, /, **given: Any) -> int:
    """Start a run of a function.

    Prints the run's id, and with --wait its output. The run goes on whatever happens to this command.
    """
    if given["callback"] and given["no_callback"]:
        raise click.UsageError("--callback and --no-callback exclude each other")
    value = read_input(given["data"], given["path"])
    with session.once() as once:
        run = _start(once, value, given)
        if run.document.replayed and not (given["quiet"] or given["as_json"]):
            _tell_of_replay(run.document)
        if given["wait"] or given["log"] or given["timeout"] is not None:
            from invoke_once.cli.follow import Following, follow

            return follow(run, Following(given["timeout"], given["log"], given["as_json"], given["quiet"]))
        return _accepted(run, given)


def _start(once: Once, value: Any, given: Mapping[str, Any]) -> RunHandle:
    """Send the request. Ctrl-C before its answer says how to find the run that may exist by now."""
    import uuid

    key = given["key"] if given["key"] is not None else str(uuid.uuid4())
    limit = given["concurrency"]
    retry = {name: whole(given[option]) for option, name in _RETRY.items() if given[option] is not None}
    with names.key_told(key, "run"), names.function_known(once, given["function"]):
        return once.start(
            given["function"],
            value,
            key=key,
            callback=False if given["no_callback"] else given["callback"],
            delay_seconds=whole(given["delay"]),
            queue_timeout_seconds=whole(given["queue_timeout"]),
            retry=cast("Retry", retry) or None,
            if_failed=given["if_failed"],
            labels=labels_of(given["labels"]),
            concurrency=None if limit is None else {"key": limit[0], "max": limit[1]},
        )


def _tell_of_replay(seen: RunInfo) -> None:
    from invoke_once.cli.output import note
    from invoke_once.cli.words import describe, replayed

    for line in replayed(seen, "run", describe(seen), "once retry"):
        note(line)


def _accepted(run: RunHandle, given: Mapping[str, Any]) -> int:
    from invoke_once.cli.output import json_out, note, out

    if given["as_json"]:
        json_out(run.document.data)
        return exits.OK
    out(run.id)
    if not given["quiet"]:
        note(f"{run.status}; follow it with: once attach {run.id}")
    return exits.OK

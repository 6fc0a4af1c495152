"""`once bulk`: follow or stop what `--all` has begun; have callbacks sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from invoke_once.cli import bulk, exits
from invoke_once.cli.types import all_of, duration, examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session

_followed = all_of(
    click.option("--timeout", type=duration, help="Give up waiting after this; the job goes on."),
    click.option("--json", "as_json", is_flag=True, help="Print the job's document, nothing else."),
    click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
)


@examples("once bulk status bulk_… --wait", "once bulk stop bulk_…")
@click.group("bulk", short_help="Follow or stop what --all has begun.")
def command() -> None:
    """Jobs that `once cancel --all` and `once retry --all` begin; `resend` sends callbacks again."""


@examples("once bulk status bulk_…", "once bulk status bulk_… --wait")
@command.command("status")
@click.argument("bulk_id", metavar="JOB")
@click.option("--wait", is_flag=True, help="Wait for the end.")
@_followed
@click.pass_obj
def status(session: Session, /, bulk_id: str, wait: bool, **given: Any) -> int:
    """Show a job: how many runs it has found, moved and passed over."""
    from invoke_once.cli.output import json_out, out

    with session.once() as once:
        job = once.bulk_job(bulk_id).refresh()
        if wait or given["timeout"] is not None:
            return bulk.follow(job, given)
    if given["as_json"]:
        json_out(job.document.data)
    else:
        out(f"{job.id} {job.status}: {bulk.words(job.document)}")
    return exits.OK


@examples("once bulk stop bulk_…")
@command.command("stop")
@click.argument("bulk_id", metavar="JOB")
@_followed
@click.pass_obj
def stop(session: Session, /, bulk_id: str, **given: Any) -> int:
    """Stop a job after the runs that it is at; what it has done stays done. Waits until it has ended."""
    with session.once() as once:
        job = once.bulk_job(bulk_id).stop()
        code = bulk.follow(job, given)
    return exits.OK if code == exits.CANCELLED else code


@examples("once bulk resend --function report --status failed --since 3d --dry-run")
@command.command("resend")
@bulk.filtered
@_followed
@click.pass_obj
def resend(session: Session, /, **given: Any) -> int:
    """Send the callbacks of all runs that the filter shows and that have ended once more."""
    bulk.check(None, given, everything=True)
    return bulk.act(session, "resend", given)

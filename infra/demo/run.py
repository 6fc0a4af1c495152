"""`make run`: a real job from nothing to its result, by the product's own means.

Start the local AWS and deploy (as `make up`); put a CSV of a few megabytes into the bucket; POST /runs for the
sample `report` with a key and a callback; follow its progress; show the result, the verified callback, and what to
try next. Exit 0 only if the run succeeded and its callback came.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.demo import orders as demo_csv
from infra.demo import sign_in
from infra.local import service as local
from infra.local.emulator import EmulatorProblem
from infra.local.receiver import Receiver, listening
from infra.paths import ENV_FILE, LOCAL
from infra.ship.env_files import read_env
from invoke_once.client import Once, RunHandle
from invoke_once.errors import InvokeOnceError

# beside the service's own bucket, which `report` refuses: it holds other people's payloads
BUCKET = "invoke-once-csv-demo"
KEY = "orders.csv"
PATIENCE_S = 120
CALLBACK_PATIENCE_S = 20


class DemoFailed(Exception):
    """The job did not end as it should; the message says how."""


def main() -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        local.up()
        run_job(console, read_env(ENV_FILE))
    except (EmulatorProblem, DemoFailed, InvokeOnceError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


def run_job(console: Console, env: dict[str, str]) -> None:
    """One run of `report`, told on the console; DemoFailed unless it succeeded and its callback was verified."""
    uri = upload(console, env)
    with Once(env["ONCE_URL"], env["ONCE_TOKEN"]) as once, listening(env["ONCE_WEBHOOK_SECRET"]) as receiver:
        key = f"make-run-{time.time_ns() // 1_000_000}"
        run = once.start("report", {"uri": uri}, key=key, callback=receiver.url)
        console.print(f"started [bold]{run.id}[/]  (POST /runs, key {key})")
        follow(console, run)
        if run.status != "succeeded":
            raise DemoFailed(f"{run.id} ended {run.status}: {run.error.message if run.error else 'no error recorded'}")
        show(console, run.output)
        tell_callback(console, run, receiver)
        tell_next(console, env, run, sign_in.link(once))


def upload(console: Console, env: dict[str, str]) -> str:
    """The demo's CSV in a bucket of its own, both made if they are not there yet; its URI."""
    file = LOCAL / "demo" / "orders.csv"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        demo_csv.write(file.with_suffix(".new"))
        file.with_suffix(".new").rename(file)
    s3 = s3_client(env)
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(file), BUCKET, KEY)
    uri = f"s3://{BUCKET}/{KEY}"
    console.print(f"uploaded {megabytes(file)} to {uri}", soft_wrap=True)
    return uri


def s3_client(env: dict[str, str]) -> Any:
    return boto3.client(
        "s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"], aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


def megabytes(file: Path) -> str:
    return f"{file.stat().st_size / 1e6:.1f} MB"


def follow(console: Console, run: RunHandle) -> None:
    """Show progress until the run has ended."""
    columns = (
        TextColumn("  {task.description:9}"),
        BarColumn(40),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(run.status, total=1.0, said="")
        for seen in run.watch(timeout=PATIENCE_S, hold=1):
            progress = seen.progress
            done = 1.0 if seen.finished else (progress.fraction or 0.0) if progress else 0.0
            bar.update(task, completed=done, description=seen.status, said=(progress and progress.message) or "")
    if not run.finished:
        raise DemoFailed(f"{run.id} had not ended after {PATIENCE_S} s; `.venv/bin/once status {run.id}` shows it")


def show(console: Console, output: Any) -> None:
    """The profile as a table."""
    table = Table(title=f"{output['rows']:,} rows", title_justify="left")
    for name in ("name", "type", "nulls", "distinct", "min", "max", "mean"):
        table.add_column(name, justify="left" if name in ("name", "type") else "right")
    for column in output["columns"]:
        table.add_row(*(cell(column.get(header.header)) for header in table.columns))
    console.print(table)


def cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def tell_callback(console: Console, run: RunHandle, receiver: Receiver) -> None:
    """The callback of this run came, and its signature is right."""
    event = receiver.next(CALLBACK_PATIENCE_S)
    if event is None:
        raise DemoFailed(f"no callback came in {CALLBACK_PATIENCE_S} s; `.venv/bin/once deliveries {run.id}` says why")
    if event["data"]["id"] != run.id:
        raise DemoFailed(f"a callback came for another run: {event['data']['id']}")
    console.print(f"callback received, signature verified: {event['type']}")


NEXT = """
the dashboard  {link}
               (this link signs in once, within ten minutes; `make dashboard` prints another)
the API        {url}/docs

try next:
  set -a; . .local/once.env; set +a       # the address and the token of this service
  .venv/bin/once invoke -f sleep -d '{{"seconds": 5}}' --wait
  .venv/bin/once status {run}
and then: `make down` stops it, `make up` brings it back with its data"""


def tell_next(console: Console, env: dict[str, str], run: RunHandle, link: str) -> None:
    console.print(NEXT.format(url=env["ONCE_URL"], run=run.id, link=link), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

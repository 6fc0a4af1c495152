"""A table engine whose indexes are ordered: dynalite, DynamoDB's API on LevelDB's sorted keys, in memory.

For figures that depend on how many items are stored. The emulator sorts a whole index partition at every query
(ministack 1.5.33, services/dynamodb.py, `_query`), which no DynamoDB does, so a list of 100 000 would measure that.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bench.stand import HOME, client, until
from infra import stages
from infra.local.emulator import any_free_port
from infra.ship import npm
from infra.template import storage

SOURCE = Path(__file__).resolve().parent / "engine"
INSTALLED = HOME / "engine"
BATCH, SENDERS = 25, 2


class EngineProblem(Exception):
    """The engine is not there; the message says why."""


def install() -> None:
    """npm ci into .local/bench/engine, once per lock file."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copyfile(file, INSTALLED / file.name)
    try:
        npm.installed(INSTALLED)
    except (npm.NpmMissing, subprocess.SubprocessError) as problem:
        raise EngineProblem(f"poll, list and sweep are measured on dynalite, from npm: {problem}") from problem


@contextmanager
def engine() -> Iterator[str]:
    """The URL of a running, empty engine."""
    install()
    port = any_free_port()
    program = str(INSTALLED / "node_modules" / "dynalite" / "cli.js")
    options = ["--host", "127.0.0.1", "--port", str(port), "--createTableMs", "1"]
    process = subprocess.Popen(
        ["node", program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), 20, "dynalite did not start")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        client("dynamodb", url).list_tables()
    except Exception:  # whatever it says while it starts
        return False
    return True


def runs_table(url: str, name: str) -> None:
    """A runs table as the template has it."""
    wanted = storage.runs_table(stages.load(stages.LOCAL))
    parts = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    dynamodb = client("dynamodb", url)
    dynamodb.create_table(TableName=name, **{part: wanted[part] for part in parts})
    until(lambda: dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE", 10, "no table")


def load(url: str, table: str, items: Iterable[dict[str, Any]]) -> float:
    """Put items (in DynamoDB's JSON) by batches; returns how many a second."""
    sender = client("dynamodb", url)
    began, waiting = time.perf_counter(), iter(items)
    batches = iter(lambda: list(islice(waiting, BATCH)), [])
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = sum(pool.map(lambda batch: _put(sender, table, batch), batches))
    return sent / (time.perf_counter() - began)


def _put(sender: Any, table: str, batch: list[dict[str, Any]]) -> int:
    left: Any = {table: [{"PutRequest": {"Item": item}} for item in batch]}
    while left:
        left = sender.batch_write_item(RequestItems=left).get("UnprocessedItems")
    return len(batch)

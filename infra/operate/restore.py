"""`make restore STAGE=… AT=…`: runs as they were at a moment, from point-in-time recovery, into the stack's own table.

    1. a table beside, STACK-runs-restored, as of AT (a time of the last 35 days, 2026-01-31T12:00:00Z)
    2. each of its items that the table lacks is put back; with OVER=true also each that is there and differs
    3. the table beside stays until `make restore STAGE=… AT=drop`

A put is conditional: what a run has become since is not overwritten, unless OVER says so. The stream sees the puts, so
what a restored run still has to tell is told again. What ran meanwhile goes on; nothing is switched over.
`only`: one run's id, for a drill or for a single mistake.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import stages
from infra.operate.reach import reach
from infra.stages import LOCAL, StageProblem

DROP = "drop"
PATIENCE_S = 3 * 3600
PAUSE_S = 15


@dataclass
class Copied:
    """How many items were looked at, put back, and left as they are now."""

    seen: int = 0
    put: int = 0
    kept: int = 0


def beside(table: str) -> str:
    return f"{table}-restored"


def restore(dynamodb: Any, table: str, at: datetime) -> None:
    """The table beside is there, as of `at`; made now if it was not."""
    try:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=table, TargetTableName=beside(table), RestoreDateTime=at
        )
    except dynamodb.exceptions.TableAlreadyExistsException:
        return


def wait(dynamodb: Any, name: str, pause: Callable[[float], None] = time.sleep) -> None:
    """The table is ACTIVE; RuntimeError after three hours."""
    for _ in range(PATIENCE_S // PAUSE_S):
        if dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE":
            return
        pause(PAUSE_S)
    raise RuntimeError(f"{name} is not ready after {PATIENCE_S / 3600:.0f} hours: run the same command again")


def copy_back(dynamodb: Any, table: str, *, only: str = "", over: bool = False) -> Copied:
    """Each item of the table beside that `table` lacks is in it again; with `over` each that differs, too."""
    copied = Copied()
    for item in _items(dynamodb, beside(table), only):
        copied.seen += 1
        condition = {} if over else {"ConditionExpression": "attribute_not_exists(run_id)"}
        try:
            dynamodb.put_item(TableName=table, Item=item, **condition)
            copied.put += 1
        except dynamodb.exceptions.ConditionalCheckFailedException:
            copied.kept += 1
    return copied


def _items(dynamodb: Any, name: str, only: str) -> Iterator[dict[str, Any]]:
    if only:
        asked = {"KeyConditionExpression": "run_id = :run", "ExpressionAttributeValues": {":run": {"S": only}}}
        pages = dynamodb.get_paginator("query").paginate(TableName=name, ConsistentRead=True, **asked)
    else:
        pages = dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]


def drop(dynamodb: Any, table: str) -> None:
    dynamodb.delete_table(TableName=beside(table))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make restore", description=__doc__)
    parser.add_argument("--stage", default=LOCAL)
    parser.add_argument("--only", default="")
    parser.add_argument("--over", action="store_true")
    parser.add_argument("at", help="2026-01-31T12:00:00Z, or drop")
    given = parser.parse_args()
    try:
        stage = stages.load(given.stage)
        dynamodb, table = boto3.client("dynamodb", **reach(stage)), f"{stage.stack}-runs"
        if given.at == DROP:
            drop(dynamodb, table)
            print(f"{beside(table)} is gone")
            return 0
        restore(dynamodb, table, datetime.fromisoformat(given.at).astimezone(UTC))
        wait(dynamodb, beside(table))
        copied = copy_back(dynamodb, table, only=given.only, over=given.over)
    except (ValueError, RuntimeError, StageProblem, BotoCoreError, ClientError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"{copied.seen} items as of {given.at}: {copied.put} put back, {copied.kept} left as they are now")
    return 0


if __name__ == "__main__":
    sys.exit(main())

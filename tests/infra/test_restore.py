"""The drill: a run is deleted and another garbled; both are had back from the table as it was."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.operate import restore
from tests.service import Service

Item = dict[str, Any]


@pytest.fixture
def table(service: Service) -> str:
    return f"{service.stack}-runs"


def items(service: Service, table: str, run_id: str) -> list[Item]:
    asked = {"KeyConditionExpression": "run_id = :run", "ExpressionAttributeValues": {":run": {"S": run_id}}}
    found: list[Item] = service.aws("dynamodb").query(TableName=table, ConsistentRead=True, **asked)["Items"]
    return found


def as_of_now(service: Service, table: str, held: list[Item]) -> None:
    """What point-in-time recovery makes: asked for, and filled by hand where the emulator has no such thing.

    By hand with `held` and a page of what else there is: other tests' thousands would be copied for nothing.
    """
    dynamodb, name = service.aws("dynamodb"), restore.beside(table)
    try:
        restore.restore(dynamodb, table, datetime.now(UTC))
        restore.wait(dynamodb, name, lambda _seconds: None)
        if dynamodb.scan(TableName=name, Limit=1)["Items"]:
            return
    except dynamodb.exceptions.ClientError:
        dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}, {"AttributeName": "part", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("run_id", "part")],
        )  # fmt: skip
    for item in [*dynamodb.scan(TableName=table, ConsistentRead=True, Limit=50)["Items"], *held]:
        dynamodb.put_item(TableName=name, Item=item)


def test_a_deleted_run_comes_back_and_what_has_moved_on_stays(service: Service, table: str) -> None:
    deleted, garbled, untouched = (service.do("echo", n, key=uuid.uuid4().hex)["id"] for n in range(3))
    before = {run: items(service, table, run) for run in (deleted, garbled, untouched)}
    as_of_now(service, table, [item for found in before.values() for item in found])
    dynamodb = service.aws("dynamodb")
    try:
        for item in before[deleted]:
            dynamodb.delete_item(TableName=table, Key={"run_id": item["run_id"], "part": item["part"]})
        wrong = {**before[garbled][0], "status": {"S": "failed"}}
        dynamodb.put_item(TableName=table, Item=wrong)
        assert service.req("GET", f"/runs/{deleted}").status_code == 404

        copied = restore.copy_back(dynamodb, table)
        assert copied.put >= len(before[deleted]) and copied.put + copied.kept == copied.seen
        assert service.run(deleted)["output"] == 0
        assert items(service, table, garbled)[0]["status"] == {"S": "failed"}

        one = restore.copy_back(dynamodb, table, only=garbled, over=True)
        assert one == restore.Copied(len(before[garbled]), len(before[garbled]), 0)
        assert {run: items(service, table, run) for run in before} == before
    finally:
        restore.drop(dynamodb, table)

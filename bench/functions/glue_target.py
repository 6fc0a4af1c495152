"""The glue's target: claims its row, works, writes the result."""

import json
import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def claim(job_id: str) -> bool:
    """False: another delivery of the same event has it."""
    try:
        dynamodb.update_item(
            TableName=os.environ["TABLE"],
            Key={"id": {"S": job_id}},
            UpdateExpression="SET #s = :new",
            ConditionExpression="#s = :old",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":new": {"S": "running"}, ":old": {"S": "queued"}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def finish(job_id: str, output: Any) -> None:
    dynamodb.update_item(
        TableName=os.environ["TABLE"],
        Key={"id": {"S": job_id}},
        UpdateExpression="SET #s = :done, #o = :output",
        ExpressionAttributeNames={"#s": "status", "#o": "output"},
        ExpressionAttributeValues={":done": {"S": "succeeded"}, ":output": {"S": json.dumps(output)}},
    )


def work(value: Any) -> Any:
    return value


def handler(event: dict[str, Any], context: Any) -> Any:
    if not claim(event["id"]):
        print(json.dumps({"event": "duplicate", "id": event["id"]}))
        return None
    output = work(event["input"])
    finish(event["id"], output)
    print(json.dumps({"event": "done", "id": event["id"]}))
    return output

"""A function as thousands are: it works for a while and returns. Each run of its body leaves a mark."""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

import boto3


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    boto3.client("dynamodb").update_item(
        TableName=os.environ["MARKS_TABLE"],
        Key={"order": {"S": event["order"]}},
        UpdateExpression="ADD marks :mark",
        ExpressionAttributeValues={":mark": {"SS": [uuid.uuid4().hex]}},
    )
    time.sleep(event["seconds"])
    return {"order": event["order"], "shipped": True}

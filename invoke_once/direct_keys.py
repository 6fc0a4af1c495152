"""The key of a direct call: what makes two events the same one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from invoke_once.errors import ConfigurationError

MAX_KEY_CHARS = 255


def key_of(option: str | Callable[[Any], str] | None, event: Any, context: Any) -> str:
    """The `key` option's value, else the event's own id, else Lambda's request id (the same when Lambda retries)."""
    if option is not None:
        return _given(option, event)
    return own_id(event) or request_id(context)


def request_id(context: Any) -> str:
    return str(getattr(context, "aws_request_id", None) or secrets.token_hex(16))


def is_sqs_batch(event: Any) -> bool:
    return _source(event) == "aws:sqs" and len(event["Records"]) > 0


def own_id(event: Any) -> str | None:
    """The id that the event's source gave it; a repeated delivery has the same.

    EventBridge `id`; SQS `messageId`; SNS `MessageId`; S3 bucket, key and sequencer (which the S3 User Guide names
    for telling events apart); DynamoDB and Kinesis streams `eventID` of the batch's first and last record.
    """
    if not isinstance(event, dict):
        return None
    if {"id", "source", "detail-type"} <= event.keys():
        return str(event["id"])
    record = _first_record(event)
    match _source(event):
        case "aws:sqs":
            return str(record["messageId"])
        case "aws:sns":
            return str(record["Sns"]["MessageId"])
        case "aws:s3":
            s3 = record["s3"]
            told = [s3["bucket"]["name"], s3["object"]["key"], s3["object"].get("sequencer", record.get("eventTime"))]
            return _fit("s3:" + "/".join(map(str, told)))
        case "aws:dynamodb" | "aws:kinesis":
            return f"{record['eventID']}..{event['Records'][-1]['eventID']}"
    return None


def _first_record(event: Any) -> dict[str, Any]:
    records = event.get("Records") if isinstance(event, dict) else None
    found = records[0] if isinstance(records, list) and records else None
    return found if isinstance(found, dict) else {}


def _source(event: Any) -> str:
    record = _first_record(event)
    return str(record.get("eventSource") or record.get("EventSource") or "")


def _given(option: str | Callable[[Any], str], event: Any) -> str:
    if isinstance(option, str):
        import jmespath

        found = jmespath.search(option, event)
    else:
        found = option(event)
    if found is None or found == "":
        raise ConfigurationError(f"the event has nothing at its key {option!r}")
    return _fit(found if isinstance(found, str) else json.dumps(found, sort_keys=True, separators=(",", ":")))


def _fit(key: str) -> str:
    """Keys have at most 255 characters; a longer one is told apart by its hash."""
    if len(key) <= MAX_KEY_CHARS:
        return key
    from invoke_once.payloads import sha

    return key[:200] + "#" + sha(key.encode())

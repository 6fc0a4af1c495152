"""The key of a direct call: what makes two events the same one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from invoke_once.errors import ConfigurationError
from invoke_once.handler.replies import source
from invoke_once.life.keys import RESERVED_KEYS
from invoke_once.store.texts import clean

MAX_KEY_CHARS = 255


def request_id(context: Any) -> str:
    return str(getattr(context, "aws_request_id", None) or secrets.token_hex(16))


def own_id(event: Any) -> str | None:
    """The id that the event's source gave it; a repeated delivery has the same. None: it has none.

    EventBridge `id`; SQS `messageId`; SNS `MessageId`; S3 bucket, key, version, what happened and the sequencer (which
    not every kind of S3's events has: then the time); DynamoDB and Kinesis streams `eventID`. Of several records: the
    first and the last.
    """
    if not isinstance(event, dict):
        return None
    if {"id", "source", "detail-type"} <= event.keys():
        return _fit(str(event["id"])) if event["id"] else None
    tell = _OF_RECORD.get(source(event))
    if tell is None:
        return None
    first, last = tell(event["Records"][0]), tell(event["Records"][-1])
    if not first or not last:
        return None
    return _fit(first if len(event["Records"]) == 1 else f"{first}..{last}")


def _part(name: str, inside: str | None = None) -> Callable[[Any], str]:
    def tell(record: Any) -> str:
        found = record.get(inside) if inside and isinstance(record, dict) else record
        return str(found.get(name) or "") if isinstance(found, dict) else ""

    return tell


def _s3(record: Any) -> str:
    match record:
        case {"s3": {"bucket": {"name": bucket}, "object": {"key": key} as found}}:
            told = (found.get("versionId"), record.get("eventName"), found.get("sequencer") or record.get("eventTime"))
            return "/".join([f"s3:{bucket}/{key}", *(str(part) for part in told if part)])
    return ""


_OF_RECORD: Mapping[str, Callable[[Any], str]] = {
    "aws:sqs": _part("messageId"),
    "aws:sns": _part("MessageId", "Sns"),
    "aws:s3": _s3,
    "aws:dynamodb": _part("eventID"),
    "aws:kinesis": _part("eventID"),
}


def chosen(option: str | Callable[[Any], Any], event: Any) -> str:
    """What the `key` option finds in the event. Finding nothing is an error: a guess would run it twice one day."""
    if isinstance(option, str):
        import jmespath

        found = jmespath.search(option, event)
    else:
        found = option(event)
    if _is_missing(found):
        raise ConfigurationError(f"the event has nothing at its key {option!r}")
    return _fit(found if isinstance(found, str) else _json(option, found))


def _is_missing(found: Any) -> bool:
    """Nothing, or nothing that tells two events apart: a blank text, true or false, and a container of these alone."""
    if isinstance(found, Mapping):
        return all(_is_missing(part) for part in found.values())
    if isinstance(found, (list, tuple)):
        return all(_is_missing(part) for part in found)
    return found is None or isinstance(found, bool) or (isinstance(found, str) and not found.strip())


def _json(option: object, found: Any) -> str:
    try:
        return json.dumps(found, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ConfigurationError(f"what {option!r} finds is no key: it is not JSON") from None


def _fit(key: str) -> str:
    """Keys have at most 255 characters, which UTF-8 carries; another one is told apart by its hash."""
    cleaned = clean(key, MAX_KEY_CHARS)
    if key == cleaned and not key.startswith(RESERVED_KEYS):
        return key
    from invoke_once.store.payloads import sha

    told = cleaned[:200].removeprefix(RESERVED_KEYS)
    return f"{told}#{sha(key.encode('utf-8', 'surrogatepass'))}"

"""What a handler's return value means for the event that it was given: an output, or a report of what failed.

Queues and streams ask for `{"batchItemFailures": [{"itemIdentifier": ID}]}` (Lambda Developer Guide, "Handling errors
for an SQS event source", and "Configuring partial batch response" for Kinesis and DynamoDB). ID is a message's
`messageId`, or a record's sequence number. A report that names something else, or nothing, fails the whole batch.

An attempt whose reply reports a failure has failed, however it was started.
"""

from __future__ import annotations

import json
from typing import Any

from invoke_once.handler.outcomes import Outcome, failed, returned
from invoke_once.life.status import Status

MEMBER = "batchItemFailures"
MALFORMED = "MalformedReport"
REPORTED = "ReportedByHandler"
NAMED = 5  #: of the identifiers reported, so many stand in the error
#: Where a record has the identifier that its source asks for.
_IDENTIFIER = {
    "aws:sqs": ("messageId",),
    "aws:kinesis": ("kinesis", "sequenceNumber"),
    "aws:dynamodb": ("dynamodb", "SequenceNumber"),
}
STREAMS = frozenset({"aws:kinesis", "aws:dynamodb"})


def source(event: Any) -> str:
    """Which AWS service made these records: `aws:sqs`, …; "" for anything else."""
    records = event.get("Records") if isinstance(event, dict) else None
    first = records[0] if isinstance(records, list) and records else None
    return str(first.get("eventSource") or first.get("EventSource") or "") if isinstance(first, dict) else ""


def outcome(event: Any, value: Any) -> Outcome:
    """How the attempt ended that was given `event` and returned `value`."""
    ended = returned(value)
    if ended.output is None or ended.status != Status.SUCCEEDED or MEMBER.encode() not in ended.output:
        return ended
    wrong = _reported(event, json.loads(ended.output))
    return ended if wrong is None else failed(*wrong, retriable=True)


def _reported(event: Any, reply: Any) -> tuple[str, str] | None:
    """(error type, message), if `reply` reports a failure."""
    path = _IDENTIFIER.get(source(event))
    if path is None or not isinstance(reply, dict) or not reply.get(MEMBER):
        return None
    known = {_at(path, record) for record in event["Records"]}
    items = reply[MEMBER] if isinstance(reply[MEMBER], list) else [None]
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(name, str) and name and name in known for name in named):
        return MALFORMED, f"the handler's {MEMBER} names what is not in the batch: the whole batch counts as failed"
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return REPORTED, f"the handler reported {', '.join(map(str, named[:NAMED]))}{more} in {MEMBER}"


def _at(path: tuple[str, ...], record: Any) -> Any:
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record

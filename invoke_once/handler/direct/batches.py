"""SQS batches: each message a run of its own, keyed by its `messageId`.

What failed is reported, so that SQS delivers that alone again; the mapping needs `ReportBatchItemFailures` for it
(Lambda Developer Guide, "Handling errors for an SQS event source", which also asks of FIFO queues that nothing behind
a failure is taken). Where all failed the first error is raised instead: that holds without the setting too; so does
a report of a handler's own that is malformed, which fails the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from invoke_once import log
from invoke_once.handler import replies

#: A message is not begun with less than this left: it would be cut off and counted as a run that timed out.
BEGIN_WITH_MS = 2_000


def is_batch(event: Any) -> bool:
    """Messages of SQS, each with its id."""
    if replies.source(event) != "aws:sqs":
        return False
    return all(isinstance(message, dict) and message.get("messageId") for message in event["Records"])


def each(event: Mapping[str, Any], handle: Callable[[Any], Any], left_ms: Callable[[], int]) -> dict[str, Any]:
    """Handle each message as an event of its own; what to give back to SQS."""
    failed: list[str] = []
    errors: list[Exception] = []
    for number, message in enumerate(event["Records"]):
        held_up = failed and _is_fifo(message)
        if held_up or (number and left_ms() < BEGIN_WITH_MS):
            log.event("message_left", message_id=message["messageId"], reason="fifo" if held_up else "time")
            failed.append(message["messageId"])
            continue
        try:
            handle({**event, "Records": [message]})
        except Exception as error:
            log.event("message_failed", message_id=message["messageId"], reason=type(error).__name__)
            failed.append(message["messageId"])
            errors.append(error)
    whole = [error for error in errors if type(error).__name__ == replies.MALFORMED]
    if whole or (errors and len(failed) == len(event["Records"])):
        raise (whole or errors)[0]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


def _is_fifo(message: Mapping[str, Any]) -> bool:
    return str(message.get("eventSourceARN", "")).endswith(".fifo")

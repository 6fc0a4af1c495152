"""Starts ministack in this process, with two gaps filled: OnSuccess destinations, and streams after a restart.

1. What ministack 1.5.33 does: `services/lambda_svc.py`, `invoke_async_with_retry` (lines 3667 to 3724), reads
`DestinationConfig.OnFailure` and calls `_route_async_failure` (line 3838) when every attempt failed; when one
succeeds it returns at once (`if not last_result.get("error"): return`) and OnSuccess is never read.
What this adds: around that function a note "this is an asynchronous invocation" in a context variable (its
thread runs in a copy of the context); around `_execute_function`, which it calls for each attempt, a look at the
note: an attempt without an error sends the invocation record that AWS documents to the destination, if that is a
Lambda function (other kinds are said to be missing in the log).

2. What it does: `_restore_state` (lines 661 to 694) brings back how far each mapping has read its table's stream,
as a count of records; the records themselves are not kept over a restart and are counted from 0 again. So a
mapping sleeps through as many records as it had read before.
What this adds: after that function the DynamoDB positions are dropped, and each mapping starts at the new start.

tests/infra/test_launcher.py fails as soon as the emulator does either by itself: then that half goes.

Run by the emulator's Python as `ministack_launcher.py DIRECTORY`; the directory is only the name by which the
process is found again. Not importable where ministack is not installed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ministack.app import main
from ministack.services import lambda_svc


@dataclass
class Asynchronous:
    """One asynchronous invocation: where its success goes, and how often it was tried."""

    destination: str
    attempts: int = 0


_current: ContextVar[Asynchronous | None] = ContextVar("asynchronous", default=None)
_invoke_async: Callable[[Any, Any], None] = lambda_svc.invoke_async_with_retry
_restore: Callable[[Any], None] = lambda_svc._restore_state
_execute: Callable[[Any, Any], dict[str, Any]] = lambda_svc._execute_function


def on_success_destination(func: dict[str, Any]) -> str:
    """The ARN that EventInvokeConfig names for successes, or ""; found as the emulator finds OnFailure."""
    config = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    return ((config.get("DestinationConfig") or {}).get("OnSuccess") or {}).get("Destination") or ""


def invocation_record(config: dict[str, Any], event: Any, answer: Any, attempts: int, at: datetime) -> dict[str, Any]:
    """What Lambda sends to a destination: the developer guide's "invocation record" of a success."""
    version = config.get("Version") or "$LATEST"
    return {
        "version": "1.0",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": f"{config.get('FunctionArn', '')}:{version}",
            "condition": "Success",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": version},
        "responsePayload": answer,
    }


def _noting_invoke_async(func: dict[str, Any], event: Any) -> None:
    destination = on_success_destination(func)
    token = _current.set(Asynchronous(destination) if destination else None)
    try:
        _invoke_async(func, event)
    finally:
        _current.reset(token)


def _routing_execute(func: dict[str, Any], event: Any) -> dict[str, Any]:
    note = _current.get()
    if note is None:
        return _execute(func, event)
    token = _current.set(None)  # what this attempt itself starts is not this invocation
    try:
        note.attempts += 1
        result = _execute(func, event)
        if not result.get("error"):
            config = func.get("config") or func
            _deliver(
                note.destination,
                invocation_record(config, event, result.get("body"), note.attempts, datetime.now(UTC)),
            )
        return result
    finally:
        _current.reset(token)


def _deliver(destination: str, record: dict[str, Any]) -> None:
    """As AWS does: the destination is itself invoked asynchronously, with its own retries."""
    function, _config, _name = lambda_svc._get_func_record_for_ref(destination)
    if function is None:
        logging.getLogger("launcher").warning("OnSuccess destination is not a function here: %s", destination)
        return
    _noting_invoke_async(function, record)


def _restoring_without_positions(data: Any) -> None:
    _restore(data)
    lambda_svc._dynamodb_stream_positions.clear()


if __name__ == "__main__":
    lambda_svc._restore_state = _restoring_without_positions
    lambda_svc.invoke_async_with_retry = _noting_invoke_async
    lambda_svc._execute_function = _routing_execute
    del sys.argv[1:]  # main() reads it too
    main()

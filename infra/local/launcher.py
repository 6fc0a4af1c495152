"""Starts ministack in this process, with gaps filled: invocation records, streams, deploys, strictness, cold starts.

1. What ministack 1.5.33 does: `services/lambda_svc.py`, `invoke_async_with_retry` (lines 3667 to 3724), reads
`DestinationConfig.OnFailure` and calls `_route_async_failure` (line 3838) when every attempt failed; when one
succeeds it returns at once (`if not last_result.get("error"): return`) and OnSuccess is never read.
What this adds: around that function a note "this is an asynchronous invocation" in a context variable (its
thread runs in a copy of the context); around `_execute_function`, which it calls for each attempt, a look at the
note: an attempt without an error sends the invocation record that AWS documents to the destination, if that is a
Lambda function (other kinds are said to be missing in the log). `_route_async_failure` leaves version, timestamp
and requestId out of its record and always counts three tries: where the destination is a Lambda function, the whole
record is sent instead; the request's id, which only `_execute_function_dispatch` (line 5219) knows, is noted there.

2. What it does: `_restore_state` (lines 661 to 694) brings back how far each mapping has read its table's stream,
as a count of records; the records themselves are not kept over a restart and are counted from 0 again. So a
mapping sleeps through as many records as it had read before.
What this adds: after that function the DynamoDB positions are dropped, and each mapping starts at the new start.

3. What it does: `invalidate_worker` (core/lambda_runtime.py, line 1711) ends all processes of a function that was
changed, also those in the middle of an invocation; AWS lets these finish with the code they began with.
What this adds: a process that is leased to an invocation is ended when that gives it back.

4. What it does: `invoke_async_with_retry` takes the EventInvokeConfig of `$LATEST` for every version and alias; on AWS
there is one for each of them, and without one Lambda's defaults hold: two retries, no destination.
What this adds: a version or alias that is invoked has its own, or none.

5. What it does not refuse at a deploy and AWS does: `strictness.py`. ONCE_STRICT=0 leaves it out.

6. It starts a process for every invocation that finds none free: `cold_starts.py`.

tests/infra/test_launcher.py fails as soon as the emulator does one by itself: then that part goes.

Run by the emulator's Python as `launcher.py DIRECTORY`; the directory is only the name by which the
process is found again. Not importable where ministack is not installed.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

LOOK_AGAIN_S = 0.05


@dataclass
class Asynchronous:
    """One asynchronous invocation: where its success goes, how often it was tried, the last try's request id."""

    destination: str
    attempts: int = 0
    request_id: str = ""


_current: ContextVar[Asynchronous | None] = ContextVar("asynchronous", default=None)
_tried: ContextVar[Asynchronous | None] = ContextVar("tried", default=None)
_invoke_async: Callable[[Any, Any], None] = lambda_svc.invoke_async_with_retry
_restore: Callable[[Any], None] = lambda_svc._restore_state
_execute: Callable[[Any, Any], dict[str, Any]] = lambda_svc._execute_function
_dispatch: Callable[..., dict[str, Any]] = lambda_svc._execute_function_dispatch
_route_failure: Callable[..., None] = lambda_svc._route_async_failure
_invalidate: Callable[..., None] = lambda_svc.invalidate_worker
_kill: Callable[[list[Any]], None] = lambda_runtime.kill_workers
_changing: ContextVar[bool] = ContextVar("changing", default=False)


def on_success_destination(func: dict[str, Any]) -> str:
    """The ARN that EventInvokeConfig names for successes, or ""; found as the emulator finds OnFailure."""
    config = func.get("event_invoke_config") or (func.get("event_invoke_configs") or {}).get("$LATEST") or {}
    return ((config.get("DestinationConfig") or {}).get("OnSuccess") or {}).get("Destination") or ""


def invocation_record(
    config: dict[str, Any], event: Any, result: dict[str, Any], tried: Asynchronous, at: datetime
) -> dict[str, Any]:
    """What Lambda sends to a destination: the developer guide's "invocation record"."""
    version = config.get("Version") or "$LATEST"
    response = {"statusCode": 200, "executedVersion": version}
    if result.get("error"):
        response["functionError"] = result.get("function_error") or "Unhandled"
    return {
        "version": "1.0",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": tried.request_id,
            "functionArn": f"{config.get('FunctionArn', '')}:{version}",
            "condition": "RetriesExhausted" if result.get("error") else "Success",
            "approximateInvokeCount": tried.attempts,
        },
        "requestPayload": event,
        "responseContext": response,
        "responsePayload": result.get("body"),
    }


def _of_its_qualifier(func: dict[str, Any]) -> dict[str, Any]:
    """The function with the EventInvokeConfig of the version or alias that was invoked as its only one."""
    parts = str((func.get("config") or {}).get("FunctionArn", "")).split(":")
    if len(parts) < 8 or parts[7] == "$LATEST":
        return func
    own = (func.get("event_invoke_configs") or {}).get(parts[7])
    return {**func, "event_invoke_config": own, "event_invoke_configs": {}}


def _noting_invoke_async(func: dict[str, Any], event: Any) -> None:
    func = _of_its_qualifier(func)
    token = _current.set(Asynchronous(on_success_destination(func)))
    try:
        _invoke_async(func, event)
    finally:
        _current.reset(token)


def _routing_execute(func: dict[str, Any], event: Any) -> dict[str, Any]:
    note = _current.get()
    if note is None:
        return _execute(func, event)
    token = _current.set(None)  # what this attempt itself starts is not this invocation
    trying = _tried.set(note)
    try:
        note.attempts += 1
        result = _execute(func, event)
        if note.destination and not result.get("error"):
            record = invocation_record(func.get("config") or func, event, result, note, datetime.now(UTC))
            if not _deliver(note.destination, record):
                logging.getLogger("launcher").warning("OnSuccess: not a function here: %s", note.destination)
        return result
    finally:
        _tried.reset(trying)
        _current.reset(token)


def _noting_dispatch(func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, *more: Any) -> Any:
    tried = _tried.get()
    if tried is not None:
        tried.request_id = request_id
    return _dispatch(func, config, event, request_id, *more)


def _telling_failure(destination: str, name: str, event: Any, result: dict[str, Any]) -> None:
    tried = _current.get() or Asynchronous("")
    config = (lambda_svc._functions.get(name) or {}).get("config") or {}
    if not _deliver(destination, invocation_record(config, event, result, tried, datetime.now(UTC))):
        _route_failure(destination, name, event, result)


def _deliver(destination: str, record: dict[str, Any]) -> bool:
    """As AWS does: the destination is itself invoked asynchronously, with its own retries. False: no function."""
    if ":lambda:" not in destination:
        return False
    function, _config, _name = lambda_svc._get_func_record_for_ref(destination)
    if function is not None:
        _noting_invoke_async(function, record)
    return function is not None


def _invalidating_gently(*which: Any, **more: Any) -> None:
    token = _changing.set(True)
    try:
        _invalidate(*which, **more)
    finally:
        _changing.reset(token)


def _killing_the_idle(workers: list[Any]) -> None:
    """Those of a function that was changed and are busy are ended by a thread, each when it is free."""
    busy = [worker for worker in workers if worker is not None and _changing.get() and _is_busy(worker)]
    _kill([worker for worker in workers if worker not in busy])
    if busy:
        threading.Thread(target=_end_when_free, args=(busy,), daemon=True).start()


def _is_busy(worker: Any) -> bool:
    """Also one that an invocation has and whose process is still to start: its files are being unpacked."""
    return bool(worker.in_use) and (worker._proc is None or worker._proc.poll() is None)


def _end_when_free(workers: list[Any]) -> None:
    while workers:
        time.sleep(LOOK_AGAIN_S)
        free = [worker for worker in workers if not _is_busy(worker)]
        _kill(free)
        workers = [worker for worker in workers if worker not in free]


def _restoring_without_positions(data: Any) -> None:
    _restore(data)
    lambda_svc._dynamodb_stream_positions.clear()


if __name__ == "__main__":
    lambda_svc._restore_state = _restoring_without_positions
    lambda_svc.invoke_async_with_retry = _noting_invoke_async
    lambda_svc._execute_function = _routing_execute
    lambda_svc._execute_function_dispatch = _noting_dispatch
    lambda_svc._route_async_failure = _telling_failure
    lambda_svc.invalidate_worker = _invalidating_gently
    lambda_runtime.kill_workers = _killing_the_idle
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from infra.local import cold_starts

    cold_starts.install()
    if os.environ.get("ONCE_STRICT") != "0":
        from infra.local import strictness

        strictness.install()
    del sys.argv[1:]  # main() reads it too
    main()

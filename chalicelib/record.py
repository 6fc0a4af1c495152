"""Outcomes that Lambda itself reports, by its destinations: of functions nobody wrapped, and of attempts that died.

The invocation record (Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations"):
`{requestContext: {condition, functionArn, requestId}, requestPayload, responseContext: {functionError},
responsePayload}`. Emulators leave parts out, so each is read defensively.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.wiring import Service
from invoke_once import lifecycle, log, moves, payloads, recovery
from invoke_once.envelope import Envelope, envelope_of
from invoke_once.errors import PayloadError
from invoke_once.lifecycle import Status
from invoke_once.records import Head
from invoke_once.store import Result

#: Events that died before any claim, after which the run is given up: its function cannot even start.
DEAD_DISPATCHES = 3


def record(svc: Service, report: Mapping[str, Any]) -> Result | None:
    """Take in one invocation record. None: it is about no run, or about one that needs nothing."""
    envelope = envelope_of(report.get("requestPayload"))
    head = svc.store.get(envelope.run_id, svc.now_ms()) if envelope else None
    if envelope is None or head is None or head.generation != envelope.generation:
        log.event("report_of_no_run", condition=_condition(report))
        return None
    unwrapped = envelope.lease_id is not None
    result = _unwrapped(svc, head, envelope, report) if unwrapped else _died(svc, head, envelope, report)
    if result is not None:
        log.event("reported", run_id=head.run_id, condition=_condition(report),
                  run_status=result.head.status if result.head else None, metrics={"Reported": 1})  # fmt: skip
    return result


def _condition(report: Mapping[str, Any]) -> str:
    context = report.get("requestContext")
    return str(context.get("condition", "")) if isinstance(context, dict) else ""


def _unwrapped(svc: Service, head: Head, envelope: Envelope, report: Mapping[str, Any]) -> Result:
    """The outcome of a function nobody wrapped, fenced by the lease that went out with its event."""
    fence = moves.Fence(head.run_id, envelope.attempt or 0, envelope.lease_id or "")
    now_ms, token = svc.now_ms(), moves.new_token()
    if _condition(report) == "Success":
        status, fields = _output(svc, head, report.get("responsePayload"))
        return svc.store.apply(moves.finish(fence, head, status, now_ms, fields, token))
    status, error = _failure(report)
    if lifecycle.may_retry(head):
        not_before = now_ms + lifecycle.backoff_ms(head, svc.spread())
        result = svc.store.apply(moves.requeue(fence, head, not_before, error, token))
        if result.head is None or not result.head.cancel_requested:
            return result
        status = Status.CANCELLED
    fields = {} if status == Status.CANCELLED else {"error": error}
    return svc.store.apply(moves.finish(fence, head, status, now_ms, fields, token))


def _output(svc: Service, head: Head, value: Any) -> tuple[Status, dict[str, Any]]:
    try:
        return Status.SUCCEEDED, svc.payloads.keep_output(head, payloads.encode(value))
    except PayloadError as error:
        return Status.FAILED, {"error": payloads.error_fields("OutputTooLarge", str(error))}


def _failure(report: Mapping[str, Any]) -> tuple[Status, bytes]:
    told = report.get("responsePayload")
    told = told if isinstance(told, dict) else {}
    name, message = (
        str(told.get("errorType") or "FunctionError"),
        str(told.get("errorMessage") or "the function failed"),
    )
    trace = told.get("stackTrace") or told.get("trace")
    text = "\n".join(map(str, trace)) if isinstance(trace, list) else None
    timed_out = "timed out after" in message.lower() or name.endswith("Timedout")
    return (Status.TIMED_OUT if timed_out else Status.FAILED), payloads.error_fields(name, message, text)


def _reason(report: Mapping[str, Any]) -> str:
    told = report.get("responsePayload")
    return str(told.get("errorMessage", "unknown"))[:500] if isinstance(told, dict) else "unknown"


def _died(svc: Service, head: Head, envelope: Envelope, report: Mapping[str, Any]) -> Result | None:
    """An invocation of a tracked function ended in an error: the process died, or never came to the claim."""
    now_ms = svc.now_ms()
    reason = _reason(report)
    if head.status == Status.RUNNING and head.fired_at is not None and head.fired_at == envelope.fired_at:
        return recovery.lose(svc.store, head, now_ms, why=f"attempt {head.attempt} died: {reason}", seen_dead=True,
                             spread=svc.spread)  # fmt: skip
    if head.status == Status.QUEUED and head.dispatches >= DEAD_DISPATCHES and head.not_before is None:
        why = f"its function failed {head.dispatches} times before it could claim the run: {reason}"
        return svc.store.apply(moves.reject(head, now_ms, payloads.error_fields("NeverStarted", why)))
    return None

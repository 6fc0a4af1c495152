"""What wakes the service beside HTTP, one Lambda each. No logic: each hands its event to a domain module.

Each imports its own domain module when it is called: `app.py` is the entry of the API too, whose cold start would
otherwise pay for senders and sweeps that it never uses.
"""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.service import service

triggers = Blueprint(__name__)


@triggers.lambda_function(name="stream")
def stream(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The table's stream: a run that now waits for a time, or a callback that is to be sent."""
    from chalicelib.due.wake import SqsQueue, on_stream

    svc = service()
    return on_stream(svc, SqsQueue(svc.settings.wake_queue), event)


@triggers.lambda_function(name="wake")
def wake(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The wake queue: that time has come."""
    from chalicelib.due.wake import on_wake

    return on_wake(service(), event)


@triggers.lambda_function(name="sweep")
def sweep(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Every minute: all that is due, whatever the other two have missed."""
    from chalicelib.callbacks.deliver import request_delivery
    from chalicelib.due.sweep import sweep

    swept = sweep(service(), request_delivery)
    return {"looked_at": swept.looked_at, "failed": swept.failed, "unfinished": swept.unfinished}


@triggers.lambda_function(name="attend")
def attend(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Some runs, each on its own; or one, as a person asks for it; or a worker's part in spreading a batch."""
    from chalicelib.callbacks.deliver import deliver
    from chalicelib.due.attend import attend_to_all

    if "spread" in event:
        from chalicelib.batches import spread

        return {"did": {event["spread"]: spread.work(service(), event["spread"], int(event.get("worker", 0)))}}
    run_ids = [str(run_id) for run_id in event.get("run_ids") or [event["run_id"]]]
    return {"did": attend_to_all(service(), run_ids, deliver)}


@triggers.lambda_function(name="record")
def record(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda destinations: how an invocation ended."""
    from chalicelib.destinations.record import record

    result = record(service(), event)
    return {"run_status": result.head.status if result and result.head else None}

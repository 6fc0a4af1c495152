"""The log of a run's callback, one row an attempt, and sending it again.

The row of attempt n is put before it is sent; how it went is kept by the row of attempt n+1, and of the last one
by the head (see `invoke_once.life.moves.callback_moves`). Of a redriven run the log begins anew with its new outcome.
"""

import json
from typing import Any

from chalicelib.runs.documents import rfc3339
from chalicelib.service import Service
from invoke_once.life.head import Head
from invoke_once.life.moves import callback_moves
from invoke_once.store.store import Item, Result

Row = dict[str, Any]


def deliveries(svc: Service, head: Head) -> list[Row]:
    """`{"webhook_id", "attempt", "at", "status_code", "error", "latency_ms", "next_at"}`, oldest first.

    An attempt that is under way, or whose sender died, has no status code, error and latency.
    """
    items = svc.store.parts(head.run_id, callback_moves.delivery_part(head.generation, 0).removesuffix("0000"))
    ends = {int(item["delivery_attempt"]) - 1: item.get("previous") for item in items}
    ends[head.cb_attempt] = head.cb_last
    return [_row(head, item, ends.get(int(item["delivery_attempt"]))) for item in items]


def send_again(svc: Service, head: Head) -> Result:
    """Send the callback of an ended run once more, now, under the same webhook-id; the schedule starts over.

    Refused where the run has not ended, or was redriven since `head` was read.
    """
    return svc.store.apply(callback_moves.send_again(head, svc.now_ms()))


def _row(head: Head, item: Item, ended: str | None) -> Row:
    attempt, end = int(item["delivery_attempt"]), json.loads(ended) if ended else {}
    newest = attempt == head.cb_attempt
    next_ms = (head.cb_due if head.cb_status == "pending" else None) if newest else end.get("next_at")
    return {
        "webhook_id": callback_moves.webhook_id(head),
        "attempt": attempt,
        "at": rfc3339(int(item["at"])),
        "status_code": end.get("status_code"),
        "error": end.get("error"),
        "latency_ms": end.get("latency_ms"),
        "next_at": rfc3339(next_ms),
    }

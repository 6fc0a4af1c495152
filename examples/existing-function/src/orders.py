"""A function that was there before. Two lines are new: the import and the decorator."""

from __future__ import annotations

import json
from typing import Any

from invoke_once import current_run, tracked


@tracked(key="order_id || Records[0].messageId", attach=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Ships an order: `{"order_id": "o-1"}`, called by an SDK, or the same as the body of an SQS message."""
    order = json.loads(event["Records"][0]["body"]) if "Records" in event else event
    if not order.get("address", True):
        raise ValueError(f"order {order['order_id']} has no address")
    run = current_run()
    run.progress(0.5, "label printed")
    return {"shipped": order["order_id"], "run": run.id, "request": context.aws_request_id}

"""`GET /runs/{run_id}/deliveries` and `POST`, and those of a batch: how the callback went, and sending it again."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api import batches, problems
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import MOVED, find, run_reply
from invoke_once.store.store import Applied

routes = Routes(__name__, tag="runs")


@routes.route("/runs/{run_id}/deliveries", methods=["GET"])
@routes.operation({200: Answer("the attempts", "DeliveryList")}, scope="runs:read")
def list_deliveries(call: Call, run_id: str) -> Response:
    """Every attempt to deliver the run's callback, oldest first."""
    from chalicelib.callbacks.deliveries import deliveries

    return reply_json({"deliveries": deliveries(call.service, find(call, run_id))})


@routes.route("/runs/{run_id}/deliveries", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def deliver_again(call: Call, run_id: str) -> Response:
    """Send the callback of an ended run once more, now, under the same webhook-id."""
    from chalicelib.callbacks.deliveries import send_again

    head = find(call, run_id)
    if head.callback_url is None:
        raise problems.WrongState("The run has no callback.", run_status=str(head.status))
    result = send_again(call.service, head)
    if isinstance(result, Applied):
        return run_reply(call, result.head, "../", status=202)
    if result.head is None:
        raise problems.NotFound("There is no such run.")
    detail = "The callback is being sent." if result.head.terminal else "The run has not ended."
    raise problems.WrongState(detail, run_status=str(result.head.status))


@batches.routes.route("/batches/{batch_id}/deliveries", methods=["GET"])
@batches.routes.operation({200: Answer("the attempts", "DeliveryList")}, scope="runs:read")
def list_batch_deliveries(call: Call, batch_id: str) -> Response:
    """Every attempt to deliver the batch's callback, oldest first."""
    from chalicelib.api import batch_calls
    from chalicelib.callbacks.deliveries import deliveries

    return reply_json({"deliveries": deliveries(call.service, batch_calls.find(call, batch_id))})


@batches.routes.route("/batches/{batch_id}/deliveries", methods=["POST"])
@batches.routes.operation(batches.MOVED, scope="runs:write", problems=(409,))
def deliver_batch_again(call: Call, batch_id: str) -> Response:
    """Send the callback of a batch that has ended once more, now, under the same webhook-id."""
    from chalicelib.api import batch_calls

    return batch_calls.send_again(call, batch_id)

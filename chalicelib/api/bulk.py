"""`POST /bulk`, `GET /bulk/{bulk_id}` and `POST /bulk/{bulk_id}/stop`: one action on all runs that a filter shows.

Each view loads what answers it (`bulk_calls.py`) when it is called: most processes never meet a bulk job.
"""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api import schemas
from chalicelib.api.bulk_schemas import EXAMPLES, BulkRequest
from chalicelib.api.call import Call
from chalicelib.api.routes import Answer, Routes

routes = Routes(__name__, tag="bulk")

_POLLED = ("ETag", "Retry-After", "Preference-Applied")
_STARTED = ("Location", "Idempotent-Replayed", *_POLLED)


@routes.route("/bulk", methods=["POST"])
@routes.operation(
    {
        202: Answer("accepted; look again after Retry-After", "Bulk", _STARTED),
        200: Answer("it has ended already", "Bulk", _STARTED),
    },
    scope="runs:write",
    body=BulkRequest,
    examples=EXAMPLES,
    headers=("Idempotency-Key", "Prefer"),
)
def start_bulk(call: Call) -> Response:
    """Cancel all runs that a filter shows, retry them, or have their callbacks sent again.

    Runs of the caller's tenant that were created before the request. Each is moved as by a request of its own: one
    whose state forbids it is counted as refused. With `dry_run` they are counted, and nothing is changed.
    """
    from chalicelib.api import bulk_calls

    return bulk_calls.begin(call, schemas.read(call.json_body(), BulkRequest))


@routes.route("/bulk/{bulk_id}", methods=["GET"])
@routes.operation(
    {200: Answer("the job", "Bulk", _POLLED), 304: Answer("nothing has changed", headers=("ETag",))},
    scope="runs:read",
    headers=("Prefer",),
)
def show_bulk(call: Call, bulk_id: str) -> Response:
    """One bulk job as it is now; held until it changes, where the caller prefers to wait."""
    from chalicelib.api import bulk_calls

    return bulk_calls.show(call, bulk_id)


@routes.route("/bulk/{bulk_id}/stop", methods=["POST"])
@routes.operation(
    {202: Answer("the job as it is now", "Bulk", ("ETag", "Retry-After"))}, scope="runs:write", problems=(409,)
)
def stop_bulk(call: Call, bulk_id: str) -> Response:
    """Stop a bulk job after the runs that it is at. What it has done stays done."""
    from chalicelib.api import bulk_calls

    return bulk_calls.stop(call, bulk_id)

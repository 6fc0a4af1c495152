"""`POST /batches`, `GET /batches`, and what can be asked of one: its runs, results, cancel, retry.

Each view loads what answers it (`batch_calls.py`) when it is called: most processes never meet a batch.
"""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta, Struct

from chalicelib.api import schemas
from chalicelib.api.call import Call
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.schemas import Cursor
from invoke_once.life.status import Status

routes = Routes(__name__, tag="batches")

_POLLED = ("ETag", "Retry-After", "Preference-Applied")
_STARTED = ("Location", "Idempotent-Replayed", *_POLLED)
MOVED = {202: Answer("the batch as it is now", "Batch", ("ETag", "Retry-After"))}


class PageQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many")] = 20
    cursor: Cursor | None = None


class ResultsQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many results")] = 100
    cursor: Cursor | None = None


class RunsQuery(Struct, frozen=True):
    status: Annotated[list[Status], Meta(description="runs in one of these states")] = []
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many runs")] = 20
    cursor: Cursor | None = None


@routes.route("/batches", methods=["POST"])
@routes.operation(
    {
        202: Answer("accepted; look again after Retry-After", "Batch", _STARTED),
        200: Answer("it has ended already", "Batch", _STARTED),
    },
    scope="runs:write",
    body=schemas.BatchRequest,
    examples=schemas.BATCH_EXAMPLES,
    headers=("Idempotency-Key", "Prefer"),
    problems=(404,),
)
def start_batch(call: Call) -> Response:
    """Start many runs of one function, or find the batch that the idempotency key has started before.

    The batch is recorded whole before this answers, and becomes runs from then on. One item that is not valid: nothing
    is begun. A repeat with the same key answers with the same batch; with another body it is refused (422).
    """
    from chalicelib.api import batch_calls

    return batch_calls.begin(call)


@routes.route("/batches", methods=["GET"])
@routes.operation({200: Answer("a page of batches", "BatchList")}, scope="runs:read", query=PageQuery)
def list_batches(call: Call) -> Response:
    """The caller's batches, newest first."""
    from chalicelib.api import batch_calls

    query = schemas.read_query(call.query, PageQuery)
    return batch_calls.listed(call, query.limit, query.cursor)


@routes.route("/batches/{batch_id}", methods=["GET"])
@routes.operation(
    {200: Answer("the batch", "Batch", _POLLED), 304: Answer("nothing has changed", headers=("ETag",))},
    scope="runs:read",
    headers=("Prefer",),
    linked="batch",
)
def show_batch(call: Call, batch_id: str) -> Response:
    """One batch as it is now; held until it changes, where the caller prefers to wait."""
    from chalicelib.api import batch_calls

    return batch_calls.show(call, batch_id)


@routes.route("/batches/{batch_id}/runs", methods=["GET"])
@routes.operation({200: Answer("a page of its runs", "BatchRuns")}, scope="runs:read", query=RunsQuery)
def list_batch_runs(call: Call, batch_id: str) -> Response:
    """The batch's runs by index, those that have begun."""
    from chalicelib.api import batch_calls

    query = schemas.read_query(call.query, RunsQuery)
    return batch_calls.runs(call, batch_id, query.status, query.limit, query.cursor)


@routes.route("/batches/{batch_id}/results", methods=["GET"])
@routes.operation(
    {200: Answer("a page of results", "BatchResults")}, scope="runs:read", query=ResultsQuery, linked="batch"
)
def list_batch_results(call: Call, batch_id: str) -> Response:
    """What became of each item, by index: its output, or its error. An item that has not begun is `scheduled`."""
    from chalicelib.api import batch_calls

    query = schemas.read_query(call.query, ResultsQuery)
    return batch_calls.results(call, batch_id, query.limit, query.cursor)


@routes.route("/batches/{batch_id}/cancel", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def cancel_batch(call: Call, batch_id: str) -> Response:
    """Cancel a batch: items that have not begun never will, runs are cancelled, running ones are asked to stop."""
    from chalicelib.api import batch_calls

    return batch_calls.cancel(call, batch_id)


@routes.route("/batches/{batch_id}/retry", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def retry_batch(call: Call, batch_id: str) -> Response:
    """Run the items that did not succeed again: the batch runs, ends and tells its outcome once more."""
    from chalicelib.api import batch_calls

    return batch_calls.retry(call, batch_id)

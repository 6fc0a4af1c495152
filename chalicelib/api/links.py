"""`POST /runs/{run_id}/links` and that of a batch: a URL that shows one run or batch to whoever has it."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta, Struct

from chalicelib.api import batches, schemas
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import find
from chalicelib.runs.documents import rfc3339
from chalicelib.runs.links import Link, seal
from invoke_once.life.head import Head

routes = Routes(__name__, tag="runs")

LONGEST_S = 30 * schemas.DAY_S


class LinkRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the link is to work."""

    expires_in_seconds: Annotated[int, Meta(ge=1, le=LONGEST_S)] = schemas.DAY_S


@routes.route("/runs/{run_id}/links", methods=["POST"])
@routes.operation(
    {201: Answer("the link; it is kept nowhere", "RunLink")},
    scope="runs:write",
    body=LinkRequest,
    body_optional=True,
    examples={"a week": {"expires_in_seconds": 604_800}},
)
def create_link(call: Call, run_id: str) -> Response:
    """Make a link to one run: whoever has it reads this run and its output, and nothing else.

    Its token is a Bearer token for `GET /runs/{run_id}` and `/output`, also from other sites' pages. It shows no
    callback, labels, key or trace.
    """
    return _made(call, find(call, run_id), "runs")


@batches.routes.route("/batches/{batch_id}/links", methods=["POST"])
@batches.routes.operation(
    {201: Answer("the link; it is kept nowhere", "RunLink")},
    scope="runs:write",
    body=LinkRequest,
    body_optional=True,
    examples={"a week": {"expires_in_seconds": 604_800}},
)
def create_batch_link(call: Call, batch_id: str) -> Response:
    """Make a link to one batch: whoever has it reads this batch and its results, and nothing else.

    Its token is a Bearer token for `GET /batches/{batch_id}` and `/results`, also from other sites' pages. It shows no
    callback, labels, key or trace, and opens no route of the batch's runs.
    """
    from chalicelib.api import batch_calls

    return _made(call, batch_calls.find(call, batch_id), "batches")


def _made(call: Call, head: Head, place: str) -> Response:
    asked = schemas.read(call.json_body() if call.body else {}, LinkRequest)
    expires_at = call.began_ms // 1000 + asked.expires_in_seconds
    token = seal(call.backend.link_keys(call.began_ms)[0], Link(head.run_id, head.created_at, expires_at))
    url = f"{call.base_url(f'/{place}/{head.run_id}/links')}/#/{place}/{head.run_id}?link={token}"
    return reply_json({"token": token, "url": url, "expires_at": rfc3339(expires_at * 1000)}, 201)

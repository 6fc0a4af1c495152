"""`POST /runs/{run_id}/links`: a URL that shows one run to whoever has it."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Response
from msgspec import Meta, Struct

from chalicelib.api import schemas
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import find
from chalicelib.runs.documents import rfc3339
from chalicelib.runs.links import Link, seal

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
    examples={"a week": {"expires_in_seconds": 604_800}},
)
def create_link(call: Call, run_id: str) -> Response:
    """Make a link to one run: whoever has it reads this run and its output, and nothing else.

    Its token is a Bearer token for `GET /runs/{run_id}` and `/output`, also from other sites' pages. It shows no
    callback, labels, key or trace.
    """
    head = find(call, run_id)
    asked = schemas.read(call.json_body() if call.body else {}, LinkRequest)
    expires_at = call.began_ms // 1000 + asked.expires_in_seconds
    token = seal(call.backend.link_keys(call.began_ms)[0], Link(head.run_id, head.created_at, expires_at))
    url = f"{call.base_url(f'/runs/{run_id}/links')}/#/runs/{head.run_id}?link={token}"
    return reply_json({"token": token, "url": url, "expires_at": rfc3339(expires_at * 1000)}, 201)

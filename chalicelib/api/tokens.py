"""`POST /tokens`, `GET /tokens`, `DELETE /tokens/{token_id}`: for scope `admin`; of another tenant, for `operator`.

`POST /iam-tokens`: for the AWS roles and users that the stage lists.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from chalice.app import Response
from msgspec import UNSET, Meta, Struct

from chalicelib import tokens
from chalicelib.api import auth, cursor, problems, schemas
from chalicelib.api.call import Call, reply, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.runs import documents
from chalicelib.tokens import Token

routes = Routes(__name__, tag="tokens")

_ID = re.compile(r"[a-z0-9]{8,32}")


class TokensQuery(Struct, frozen=True):
    tenant: schemas.Tenant | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many")] = 100
    cursor: schemas.Cursor | None = None


@routes.route("/tokens", methods=["POST"])
@routes.operation(
    {201: Answer("the token, with its text", "NewToken", ("Location",))},
    scope="admin",
    body=schemas.TokenRequest,
    examples={"reader": {"tenant": "acme", "scopes": ["runs:read"], "expires_in_seconds": 86400}},
)
def create_token(call: Call) -> Response:
    """Make a token. Its text is in this answer and nowhere else."""
    asked: schemas.TokenRequest = schemas.read(call.json_body(), schemas.TokenRequest)
    tenant = auth.require_tenant(call.who, call.tenant if asked.tenant is UNSET else str(asked.tenant))
    if auth.OPERATOR in asked.scopes and call.who is not None:
        auth.require(call.who, auth.OPERATOR)
    expires_s = None if asked.expires_in_seconds is UNSET else asked.expires_in_seconds
    token, text = tokens.issue(call.backend.tokens.table, tenant, asked.scopes, call.began_ms, expires_s)
    call.noted["token_made"] = token.id
    return reply_json(document(token) | {"token": text}, 201, {"Location": f"tokens/{token.id}"})


@routes.route("/iam-tokens", methods=["POST"])
@routes.operation(
    {201: Answer("the token, with its text", "NewToken", ("Location",))},
    signed=True,
    body=schemas.IamTokenRequest,
    body_optional=True,
    examples={"half a day": {"expires_in_seconds": 43_200}},
    problems=(400, 403, 404, 429, 503),
)
def create_iam_token(call: Call) -> Response:
    """Make a short token for the AWS role or user that signed this call (SigV4).

    Where the stage lists the role or user in `iam_callers`: of its tenant, with its scopes, for an hour unless told.
    """
    known = call.backend.iam_callers()
    if not known:
        raise problems.NotFound("This stage has no iam_callers.")
    from chalicelib.api import iam

    caller = iam.identified(known, call.request.context)
    call.noted |= {"tenant": caller.tenant, "by": caller.arn}
    call.backend.limits.take(caller.tenant, call.began_ms)
    asked = schemas.read(call.json_body() if call.body else {}, schemas.IamTokenRequest)
    table, expires_s = call.backend.tokens.table, asked.expires_in_seconds
    token, text = tokens.issue(table, caller.tenant, caller.scopes, call.began_ms, expires_s)
    call.noted["token_made"] = token.id
    return reply_json(document(token) | {"token": text}, 201, {"Location": f"tokens/{token.id}"})


@routes.route("/tokens", methods=["GET"])
@routes.operation({200: Answer("a page of tokens", "TokenList")}, scope="admin", query=TokensQuery)
def list_tokens(call: Call) -> Response:
    """One tenant's tokens (the caller's, unless told), without their secrets."""
    query = schemas.read_query(call.query, TokensQuery)
    tenant, limit, sealed = auth.require_tenant(call.who, query.tenant or call.tenant), query.limit, query.cursor
    asked = ["tokens", call.tenant, tenant]
    after = None if sealed is None else cursor.unseal(call.backend.cursor_keys, asked, sealed, call.began_ms)
    found = call.backend.tokens.table.of_tenant(tenant, limit, after)
    more = len(found) == limit
    following = cursor.seal(call.backend.cursor_keys, asked, found[-1].id, call.began_ms) if more else None
    return reply_json({"tokens": [document(token) for token in found], "next_cursor": following})


@routes.route("/tokens/{token_id}", methods=["DELETE"])
@routes.operation({204: Answer("it is revoked")}, scope="admin")
def revoke_token(call: Call, token_id: str) -> Response:
    """Revoke a token: within a minute no part of the service takes it any more."""
    table = call.backend.tokens.table
    found = table.get(token_id) if _ID.fullmatch(token_id) else None
    if found is None or not auth.may_look_at(call.who, found.tenant):
        raise problems.NotFound("There is no such token.")
    table.delete(token_id)
    call.backend.tokens.forget(token_id)
    call.noted["token_revoked"] = token_id
    return reply(status=204)


def document(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "tenant": token.tenant,
        "scopes": list(token.scopes),
        "created_at": documents.rfc3339(token.created_at_ms),
        "expires_at": documents.rfc3339(None if token.expires_at is None else token.expires_at * 1000),
    }

"""Who calls: the token of `Authorization: Bearer`, and whether it has the scope that the route needs."""

from __future__ import annotations

import re

from chalicelib.api.headers import Headers
from chalicelib.api.problems import Forbidden, Unauthenticated
from chalicelib.tokens import Token, TokenCache

OPERATOR = "operator"
_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)


def bearer(headers: Headers) -> str:
    """The token as it was sent; empty where there is none, or more than one."""
    sent = headers.get("authorization", ())
    form = _BEARER.fullmatch(sent[0].strip(" ")) if len(sent) == 1 else None
    return form[1] if form else ""


def authenticate(headers: Headers, tokens: TokenCache) -> Token:
    """Raises Unauthenticated, the same for every reason, and StoreUnavailable."""
    token = tokens.check(bearer(headers))
    if token is None:
        raise Unauthenticated
    return token


def require(token: Token, scope: str) -> None:
    """Raises Forbidden. What an administrator may do in its own tenant, an operator may in every one."""
    if scope not in token.scopes and not (scope == "admin" and OPERATOR in token.scopes):
        raise Forbidden(scope)


def may_look_at(token: Token | None, tenant: str) -> bool:
    return token is not None and (tenant == token.tenant or OPERATOR in token.scopes)


def require_tenant(token: Token | None, tenant: str) -> str:
    """The tenant. Raises Forbidden where it is another than the token's: that is for operators."""
    if not may_look_at(token, tenant):
        raise Forbidden(OPERATOR)
    return tenant

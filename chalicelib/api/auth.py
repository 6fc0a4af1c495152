"""Who calls: the token of `Authorization: Bearer`, and whether it has the scope that the route needs."""

from __future__ import annotations

import re

from chalicelib.api.headers import Headers
from chalicelib.api.problems import Forbidden, Unauthenticated
from chalicelib.tokens import Token, TokenCache

_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)


def authenticate(headers: Headers, tokens: TokenCache) -> Token:
    """Raises Unauthenticated, the same for every reason, and StoreUnavailable."""
    sent = headers.get("authorization", ())
    form = _BEARER.fullmatch(sent[0].strip(" ")) if len(sent) == 1 else None
    token = tokens.check(form[1]) if form else None
    if token is None:
        raise Unauthenticated
    return token


def require(token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise Forbidden(scope)

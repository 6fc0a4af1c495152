"""Other sites' pages: they may read what a link opens. Those of `cors_origins` of the stage may call all of the API.

A browser asks first (a preflight, without the token), for the link goes in `Authorization`; then it hands a page the
answer only if that carries these headers. An answer to an ordinary token does for the stage's sites alone. Nothing here
lets a browser send what it holds by itself: there are no cookies, a page has to have a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalice.app import Response

_ANY = {"Access-Control-Allow-Origin": "*"}
#: API Gateway sends `WWW-Authenticate` under the other name ("Important notes" of its Developer Guide).
_READABLE = (
    "ETag, Idempotent-Replayed, Location, Preference-Applied, Retry-After, WWW-Authenticate, "
    "x-amzn-Remapped-WWW-Authenticate"
)
ANSWER = _ANY | {"Access-Control-Expose-Headers": _READABLE}
PREFLIGHT = _ANY | {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Accept, Authorization, If-None-Match, Prefer",
    "Access-Control-Max-Age": "7200",
    "Cache-Control": "no-store",
}


def origins(env: Mapping[str, str]) -> frozenset[str]:
    """ONCE_CORS_ORIGINS: the sites whose pages may call all of the API, separated by blanks; none unless said."""
    return frozenset(env.get("ONCE_CORS_ORIGINS", "").split())


def site(headers: Mapping[str, Sequence[str]]) -> str:
    """The origin of the page that calls; empty: no page does."""
    return headers.get("origin", [""])[-1]


def answer_to(site: str) -> dict[str, str]:
    """What lets a page of `site` read an answer."""
    return {"Access-Control-Allow-Origin": site, "Vary": "Origin", "Access-Control-Expose-Headers": _READABLE}


def preflight_of(site: str, methods: Sequence[str]) -> Response:
    """A page of `site` may call a path with its methods."""
    asked = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, "
        "traceparent, tracestate",
        "Access-Control-Max-Age": "7200",
        "Cache-Control": "no-store",
    }
    return Response("", {**answer_to(site), **asked}, 204)


def is_preflight(headers: Mapping[str, Sequence[str]]) -> bool:
    return bool(headers.get("origin")) and headers.get("access-control-request-method", [""])[-1:] == ["GET"]


def preflight() -> Response:
    return Response("", dict(PREFLIGHT), 204)

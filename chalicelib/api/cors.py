"""Other sites' pages: they may read what a link opens, and nothing else.

A browser asks first (a preflight, without the token), for the link goes in `Authorization`; then it hands a page the
answer only if that carries these headers. An answer to an ordinary token never does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalice.app import Response

_ANY = {"Access-Control-Allow-Origin": "*"}
ANSWER = _ANY | {"Access-Control-Expose-Headers": "ETag, Location, Preference-Applied, Retry-After, WWW-Authenticate"}
PREFLIGHT = _ANY | {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Accept, Authorization, If-None-Match, Prefer",
    "Access-Control-Max-Age": "7200",
    "Cache-Control": "no-store",
}


def is_preflight(headers: Mapping[str, Sequence[str]]) -> bool:
    return bool(headers.get("origin")) and headers.get("access-control-request-method", [""])[-1:] == ["GET"]


def preflight() -> Response:
    return Response("", dict(PREFLIGHT), 204)

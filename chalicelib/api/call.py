"""One request, as a view sees it, and what the view answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from chalicelib.api import headers as header
from chalicelib.api import strictjson
from chalicelib.api.backend import Backend
from chalicelib.api.problems import InvalidParameter
from chalicelib.tokens import Token
from chalicelib.wiring import Service

JSON = "application/json"


class Call(Struct):
    """One request, after the strict layer. `who` is there for every route that needs a scope."""

    method: str
    route: str
    params: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    headers: header.Headers
    body: bytes
    backend: Backend
    began_ms: int
    operations: tuple[Any, ...] = ()  #: all that the interface has (routes.Operation)
    path: str = ""  #: as the gateway saw it; may lack a prefix in front of the gateway
    who: Token | None = None
    noted: dict[str, Any] = field(default_factory=dict)  #: goes into the request's log line

    @property
    def service(self) -> Service:
        return self.backend.service

    @property
    def tenant(self) -> str:
        """Whose runs these are: the token alone decides."""
        assert self.who is not None
        return self.who.tenant

    def one(self, name: str) -> str | None:
        """A query parameter that may be given once."""
        values = self.query.get(name, ())
        if len(values) > 1:
            raise InvalidParameter(f"Give {name} once.")
        return values[0] if values else None

    def json_body(self) -> Any:
        """The body's value; the media type is checked first."""
        header.require_json(self.headers)
        return strictjson.parse(self.body)

    def matches(self, etag: str) -> bool:
        return header.matches_etag(self.headers, etag)


class Reply(Struct):
    """An answer. `text` None: no body."""

    status: int = 200
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON


def reply_json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer. Raises ValueError for NaN: nothing that is not JSON goes out."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Reply(status, text, dict(headers or {}))

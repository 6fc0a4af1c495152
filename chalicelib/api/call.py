"""One request, as a view sees it, and what the view answers."""

from __future__ import annotations

import base64
import binascii
import json
import re
import traceback
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from chalice.app import Request, Response

from chalicelib.api import problems, strictjson
from chalicelib.api.backend import Backend
from chalicelib.api.headers import Headers, matches_etag, require_json
from chalicelib.api.problems import InvalidBody, Problem
from chalicelib.runs.limits import OverLimit
from chalicelib.runs.links import Link
from chalicelib.service import Service
from chalicelib.tokens import Token
from invoke_once.errors import InvokeOnceError, PayloadTooLarge, StoreUnavailable

JSON = "application/json"
MAX_BODY_BYTES = 4 * 1024 * 1024  #: a Lambda request has 6 MB, and the gateway hands bodies on in base64
_COMMON = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Call:
    """Chalice's request, with what Chalice keeps in the event alone: every value of a header, the body's bytes.

    `who` is there for every operation that needs a scope; `link` in its place, where a link opened it. `noted` goes
    into the request's log line.
    """

    def __init__(self, request: Request, backend: Backend) -> None:
        self.request, self.backend = request, backend
        self.event = request.to_original_event()
        self.headers: Headers = self.event["multiValueHeaders"]
        self.query: Mapping[str, list[str]] = self.event["multiValueQueryStringParameters"]
        self.began_ms = backend.service.now_ms()
        self.who: Token | None = None
        self.link: Link | None = None
        self.owner: str | None = None  #: whose run or batch the link is of
        self.noted: dict[str, Any] = request.context["noted"]
        self.waited_s: int | None = None  #: how long it was prepared to hold; None: it was not

    @property
    def service(self) -> Service:
        return self.backend.service

    @property
    def tenant(self) -> str:
        """Whose runs these are: the token alone decides, or the link's run."""
        if self.owner is not None:
            return self.owner
        assert self.who is not None
        return self.who.tenant

    @property
    def path(self) -> str:
        """As the gateway saw it; may lack a prefix in front of the gateway."""
        return str(self.request.context.get("path") or "/")

    def relative(self, reference: str) -> str:
        """A reference for this call's URL, written for one without a final slash."""
        return f"../{reference}" if self.path.endswith("/") else reference

    def base_url(self, path: str) -> str:
        """The API's URL, as the caller named its host; `path` is this call's own below it."""
        host = (self.headers.get("host") or ["localhost"])[-1]
        local = self.service.settings.local
        scheme = (self.headers.get("x-forwarded-proto") or ["http" if local else "https"])[-1]
        prefix = self.path.rstrip("/").removesuffix(path)
        api = self.request.context.get("apiId")
        if local and api and prefix:  # the emulator leaves out how it is reached
            prefix = f"/restapis/{api}{prefix}/_user_request_"
        return f"{scheme}://{host}{prefix}"

    @cached_property
    def body(self) -> bytes:
        """The bytes that were sent. Raises InvalidBody and TooLarge."""
        sent = self.event["body"]
        try:
            if isinstance(sent, str):
                sent = base64.b64decode(sent, validate=True) if self.event["isBase64Encoded"] else sent.encode()
        except (binascii.Error, ValueError):
            raise InvalidBody("The body is not what the gateway said it is.") from None
        data = sent if isinstance(sent, bytes) else b""  # `chalice local` hands on bytes
        if len(data) > MAX_BODY_BYTES:
            raise problems.TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
        return data

    def json_body(self) -> Any:
        """The body's value."""
        body = self.body
        require_json(self.headers)
        return strictjson.parse(body)

    def matches(self, etag: str) -> bool:
        return matches_etag(self.headers, etag)


def reply(
    text: str | None = None, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> Response:
    """An answer with the headers that all have. `text` None: no body."""
    named = {**_COMMON, **({} if text is None else {"Content-Type": media_type}), **(headers or {})}
    return Response(text or "", {name: _CONTROL.sub(" ", value) for name, value in named.items()}, status)


def reply_json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return reply(json_text(document), status, headers)


def json_text(document: Any) -> str:
    """Raises ValueError for NaN: nothing that is not JSON goes out."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def reply_problem(error: Exception, noted: dict[str, Any]) -> Response:
    """The answer to any error. `noted` gets its cause where the answer does not tell it."""
    problem = _problem(error)
    if problem.status >= 500:
        noted["cause"] = str(error) if isinstance(error, StoreUnavailable) else _cause(error)
    return reply(problem.text(), problem.status, problem.headers, problems.MEDIA_TYPE)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case OverLimit():
            return problems.TooManyRequests(str(error), error.retry_after_s)
        case PayloadTooLarge():
            return problems.TooLarge(f"{error}."[:1].upper() + f"{error}."[1:])
        case StoreUnavailable():
            return problems.Unavailable()
        case _:
            return problems.Internal()


def _cause(error: Exception) -> str:
    """Where a mistake of ours was made: names and lines, never the message, which may quote a payload."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in reversed(frames))
    told = f": {error}" if isinstance(error, InvokeOnceError) else ""
    return f"{type(error).__name__}{told} at {places}"

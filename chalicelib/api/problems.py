"""Every error that the interface answers with: `application/problem+json` (RFC 9457).

    Problem
    ├── 400  InvalidJson · InvalidParameter · InvalidCursor · InvalidKey · InvalidBody
    ├── 401  Unauthenticated        ├── 403  Forbidden · UnknownCaller   ├── 404  NotFound
    ├── 405  MethodNotAllowed       ├── 409  WrongState         ├── 413  TooLarge
    ├── 415  UnsupportedMediaType   ├── 422  InvalidRequest · KeyReused
    ├── 429  TooManyRequests        ├── 500  Internal           └── 503  Unavailable

A detail names what is wrong, never what was sent. `urn:invoke-once:NAME` is the problem's type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

MEDIA_TYPE = "application/problem+json"
URN = "urn:invoke-once:"


class Problem(Exception):
    """An answer other than the one that was asked for."""

    status: ClassVar[int] = 500
    name: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """`errors`: (JSON pointer, detail) of wrong fields. `members`: more of the document."""
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {"type": URN + self.name, "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return body | self.members

    def text(self) -> str:
        return json.dumps(self.document(), separators=(",", ":"))


class InvalidJson(Problem):
    """The body is not JSON as RFC 8259 has it, or is more of it than anybody means."""

    status, name, title = 400, "invalid-json", "The body is not valid JSON"


class InvalidBody(Problem):
    """The gateway handed on a body that cannot be read."""

    status, name, title = 400, "invalid-body", "The body cannot be read"


class InvalidParameter(Problem):
    """A query parameter or header is not what it has to be."""

    status, name, title = 400, "invalid-parameter", "A parameter is not valid"


class InvalidCursor(Problem):
    """The cursor was not made by this service for this query and tenant."""

    status, name, title = 400, "invalid-cursor", "The cursor is not valid"


class InvalidKey(Problem):
    """The Idempotency-Key header is there but is no key."""

    status, name, title = 400, "invalid-idempotency-key", "The Idempotency-Key is not valid"


class Unauthenticated(Problem):
    """No token, or none that is valid: one answer for every reason."""

    status, name, title = 401, "unauthenticated", "A valid token is needed"

    def __init__(self) -> None:
        super().__init__(
            "Send Authorization: Bearer TOKEN with a token that is valid.",
            headers={"WWW-Authenticate": 'Bearer realm="invoke-once"'},
        )


class Forbidden(Problem):
    """The token is valid and lacks a scope."""

    status, name, title = 403, "forbidden", "The token does not allow this"

    def __init__(self, scope: str) -> None:
        challenge = f'Bearer realm="invoke-once", error="insufficient_scope", scope="{scope}"'
        super().__init__(f"This call needs the scope {scope}.", headers={"WWW-Authenticate": challenge})


class UnknownCaller(Problem):
    """AWS says who called, and the stage does not list that role or user."""

    status, name, title = 403, "unknown-caller", "This stage does not know the caller"

    def __init__(self) -> None:
        super().__init__(
            "The signature is good. The role or user is not one of iam_callers of this stage.",
            headers={"WWW-Authenticate": 'AWS4-HMAC-SHA256 service="execute-api"'},
        )


class NotFound(Problem):
    """There is no such thing for this tenant; another tenant's looks the same."""

    status, name, title = 404, "not-found", "There is nothing here"


class MethodNotAllowed(Problem):
    status, name, title = 405, "method-not-allowed", "The method is not allowed here"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(headers={"Allow": ", ".join(allowed)})


class WrongState(Problem):
    """The run's state forbids it."""

    status, name, title = 409, "wrong-state", "The run's state forbids this"


class TooLarge(Problem):
    status, name, title = 413, "too-large", "The request is too large"


class UnsupportedMediaType(Problem):
    status, name, title = 415, "unsupported-media-type", "The request's media type is not supported"

    def __init__(self) -> None:
        super().__init__(
            "Send application/json in UTF-8, without a content coding.", headers={"Accept-Post": "application/json"}
        )


class InvalidRequest(Problem):
    """Valid JSON, and a field in it is wrong."""

    status, name, title = 422, "invalid-request", "The request is not valid"


class KeyReused(Problem):
    status, name, title = 422, "idempotency-key-reused", "The Idempotency-Key was used with another request"


class TooManyRequests(Problem):
    status, name, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(retry_after_s, 1))})


class Internal(Problem):
    """A mistake of ours. Its cause is in the log, never in the answer."""

    status, name, title = 500, "internal", "The service made a mistake"


class Unavailable(Problem):
    """Something the service stands on did not answer. Repeating the call is safe."""

    status, name, title = 503, "unavailable", "The service is not available now"

    def __init__(self, detail: str = "Repeating the call is safe.", retry_after_s: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})

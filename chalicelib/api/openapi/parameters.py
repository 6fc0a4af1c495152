"""The parts of the OpenAPI document that operations share: problems, headers, parameters, an example of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

#: status: (when, headers)
PROBLEMS: Mapping[int, tuple[str, Sequence[str]]] = {
    400: ("The request is malformed: its body, a parameter or a header.", ()),
    401: ("There is no token, or none that is valid.", ("WWW-Authenticate",)),
    403: ("The token lacks the scope.", ("WWW-Authenticate",)),
    404: ("There is no such thing for this tenant.", ()),
    405: ("The method is not allowed here.", ("Allow",)),
    409: ("The run's state forbids it.", ()),
    413: ("The request is too large.", ()),
    415: ("The body is not application/json in UTF-8.", ()),
    422: ("A field of the body is wrong, or the idempotency key was used with another request.", ()),
    429: ("Too many calls, or too many runs in flight.", ("Retry-After",)),
    503: ("Something the service stands on did not answer; repeating the call is safe.", ("Retry-After",)),
}

HEADERS: Json = {
    "Location": {
        "description": "resolves against the URL of the request",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "seconds until it is worth to look again; not on a run that has ended",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {"description": "names this state, for If-None-Match", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "true: the key had this run already", "schema": {"const": "true"}},
    "Preference-Applied": {
        "description": "the wait that was granted",
        "schema": {"type": "string"},
        "example": "wait=20",
    },
    "WWW-Authenticate": {"description": "how to authenticate", "required": True, "schema": {"type": "string"}},
    "Allow": {"description": "the methods that are allowed", "required": True, "schema": {"type": "string"}},
}


def _header(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


def _path(name: str, description: str, pattern: str, example: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
        "example": example,
    }


def query_parameter(name: str, description: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


_KEY_PATTERN = r"^(\"([ !#-\[\]-~]|\\[\"\\]){1,255}\"|(?![:?])[!#-'*+\-.\/0-9:<=>?@A-Z\[\]^_`a-z{|}~]{1,255})$"
PARAMETERS: Json = {
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "1 to 255 visible ASCII characters, as a quoted string or bare. The same key is the same run; without one, "
        "every start is a new run.",
        pattern=_KEY_PATTERN,
        examples=['"order-4711"'],
    ),
    "Prefer": _header("Prefer", "`wait=N`: hold the call up to N seconds, at most 25.", examples=["wait=20"]),
    "If-None-Match": _header("If-None-Match", "an ETag: 304 while nothing has changed"),
    "run_id": _path("run_id", "a run's id", "^run_[a-z2-7]{26}$", "run_wq4c5nqlp3wbc6c5ibd2iyhkeu"),
    "function_name": _path("name", "a function's name", "^[a-z][a-z0-9-]{0,39}$", "report"),
    "token_id": _path("token_id", "a token's id", "^[a-z0-9]{8,32}$", "0123456789abcdef"),
    "asset_name": _path("name", "a file's name", r"^[a-z0-9][a-z0-9-]{0,60}\.(js|css|svg)$", "app.js"),
}

_STATUSES = ["scheduled", "queued", "running", "succeeded", "failed", "timed_out", "cancelled", "expired"]
_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
_TIME = {"type": "string", "format": "date-time"}
CURSOR = query_parameter(
    "cursor", "next_cursor of the page before", {"type": "string", "minLength": 24, "maxLength": 4096}
)
LIST_QUERY = {
    "function": query_parameter("function", "runs of this function", _TEXT),
    "status": query_parameter(
        "status",
        "runs in one of these states",
        {"type": "array", "minItems": 1, "items": {"enum": _STATUSES}},
        style="form",
        explode=False,
    ),
    "key": query_parameter("key", "runs with this idempotency key", _TEXT),
    "label": query_parameter(
        "label",
        "name:value; repeated, runs that have all of them",
        {"type": "array", "items": {"type": "string", "pattern": "^[^:]+:"}},
        example=["batch:7"],
    ),
    "created_after": query_parameter("created_after", "runs created later than this", _TIME),
    "created_before": query_parameter("created_before", "runs created earlier than this", _TIME),
    "limit": query_parameter(
        "limit", "at most this many runs", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    ),
    "cursor": CURSOR,
}

RUN: Json = {
    "id": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu",
    "function": "report",
    "status": "succeeded",
    "idempotency_key": "order-4711",
    "attempt": 1,
    "max_attempts": 1,
    "progress": {"fraction": 1.0, "message": "120000 rows"},
    "error": None,
    "labels": {"batch": "7"},
    "created_at": "2026-11-23T10:00:00.000Z",
    "started_at": "2026-11-23T10:00:00.140Z",
    "attempt_started_at": "2026-11-23T10:00:00.140Z",
    "next_attempt_at": None,
    "waiting_for": None,
    "finished_at": "2026-11-23T10:00:04.512Z",
    "expires_at": "2026-12-23T10:00:04.000Z",
    "cancel_requested": False,
    "callback": None,
    "links": {
        "self": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu",
        "input": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu/input",
        "logs": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu/logs",
        "cancel": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu/cancel",
        "retry": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu/retry",
        "output": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu/output",
    },
    "output": {"rows": 120000, "columns": []},
}


WEBHOOK = (
    "Sent to `callback.url` of a run that has ended, signed with the tenant's secret (Standard Webhooks). Verify the "
    "signature, answer 2xx, and take a webhook-id that you have seen before for a repeat."
)
WEBHOOK_HEADERS = [
    _header("webhook-id", "the same for every attempt") | {"required": True},
    _header("webhook-timestamp", "seconds since 1970, of this attempt", pattern="^[0-9]+$") | {"required": True},
    _header("webhook-signature", "`v1,` and a base64 HMAC-SHA256; two while a secret is rotated") | {"required": True},
]

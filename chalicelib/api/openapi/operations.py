"""What the OpenAPI document says of each operation, by the name of its view. Words and examples, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from chalicelib.api.openapi.parameters import CURSOR, LIST_QUERY, RUN, query_parameter

Json = dict[str, Any]

TAGS = {
    "runs": "Start runs, look at them, change their course.",
    "functions": "What can be run.",
    "tokens": "Who may call: for administrators.",
    "service": "The service itself; no token needed.",
}


class Answer(Struct, frozen=True):
    """A good answer. `schema`: a component's name, or a schema. `headers`: names in HEADERS."""

    description: str
    schema: str | Json | None = None
    headers: Sequence[str] = ()
    media_types: Sequence[str] = ("application/json",)
    example: Any = None


class Said(Struct, frozen=True):
    tag: str
    answers: Mapping[int, Answer]
    description: str = ""
    problems: Sequence[int] = ()
    path: Sequence[str] = ()  #: names in PARAMETERS
    headers: Sequence[str] = ()  #: names in PARAMETERS
    query: Mapping[str, Json] = field(default_factory=dict)
    body: str | None = None
    examples: Mapping[str, Json] = field(default_factory=dict)


#: Statuses every operation with a token may answer with.
SECURED = (400, 401, 403, 429, 503)
_POLLED = ("ETag", "Retry-After", "Preference-Applied")
_MOVED = Answer("the run as it is now", "Run", ("ETag", "Retry-After"))
_PAYLOAD = {
    200: Answer(
        "the JSON text, byte for byte; or its link, for a caller that accepts text/uri-list",
        {},
        media_types=("application/json", "text/uri-list"),
    ),
    303: Answer("it is large: a link that needs no token, for five minutes", headers=("Location",)),
}
_START_EXAMPLES: Json = {
    "least": {"summary": "only the function", "value": {"function": "echo"}},
    "all": {
        "summary": "every field",
        "value": {
            "function": "report",
            "input": {"csv": "a,b\n1,2\n"},
            "callback": {"url": "https://example.com/hook"},
            "delay_seconds": 0,
            "queue_timeout_seconds": 21600,
            "retry": {"max_attempts": 3, "backoff_seconds": 10, "max_backoff_seconds": 600},
            "if_failed": "replay",
            "labels": {"batch": "7"},
        },
    },
}
_TENANT = query_parameter(
    "tenant",
    "whose; the caller's own, unless told",
    {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,62}$"},
)

SAID: Mapping[str, Said] = {
    "start_run": Said(
        "runs",
        {
            202: Answer(
                "accepted; look again after Retry-After",
                "Run",
                ("Location", "Idempotent-Replayed", *_POLLED),
                example=RUN | {"status": "queued", "output": None},
            ),
            200: Answer("it has ended already", "Run", ("Location", "Idempotent-Replayed", *_POLLED), example=RUN),
        },
        "The run is recorded before this answers, and is fired once. A repeat with the same key, at any time while "
        "the run is kept, answers with the same run; with another body it is refused (422).",
        problems=(404, 413, 415, 422),
        headers=("Idempotency-Key", "Prefer"),
        body="StartRequest",
        examples=_START_EXAMPLES,
    ),
    "show_run": Said(
        "runs",
        {200: Answer("the run", "Run", _POLLED, example=RUN), 304: Answer("nothing has changed", headers=("ETag",))},
        "With `Prefer: wait=N` the call is held until the run has ended, or, with If-None-Match, until it differs from "
        "that state.",
        problems=(404,),
        path=("run_id",),
        headers=("Prefer", "If-None-Match"),
    ),
    "list_runs": Said(
        "runs",
        {200: Answer("a page of runs", "RunList", ("ETag",)), 304: Answer("nothing has changed", headers=("ETag",))},
        "`limit` counts matching runs. A page that is shorter has a next_cursor, unless it is the last one.",
        headers=("If-None-Match",),
        query=LIST_QUERY,
    ),
    "show_input": Said("runs", _PAYLOAD, problems=(404,), path=("run_id",)),
    "show_output": Said("runs", _PAYLOAD, problems=(404, 409), path=("run_id",)),
    "cancel_run": Said(
        "runs",
        {202: _MOVED},
        "A running attempt sees the request at its next progress or check, and may end otherwise.",
        problems=(404, 409),
        path=("run_id",),
    ),
    "retry_run": Said(
        "runs",
        {202: _MOVED},
        "For a run that ended failed, timed_out, cancelled or expired. Its attempts go on counting.",
        problems=(404, 409),
        path=("run_id",),
    ),
    "show_logs": Said(
        "runs",
        {200: Answer("a page of lines", "LogPage")},
        "Of functions that are wrapped; CloudWatch shows a line some seconds after it was written.",
        problems=(404,),
        path=("run_id",),
        query={
            "attempt": query_parameter(
                "attempt", "of this attempt alone", {"type": "integer", "minimum": 1, "maximum": 999999}
            ),
            "limit": query_parameter(
                "limit", "at most this many lines", {"type": "integer", "minimum": 1, "maximum": 500, "default": 500}
            ),
            "cursor": CURSOR,
        },
    ),
    "list_deliveries": Said("runs", {200: Answer("the attempts", "DeliveryList")}, problems=(404,), path=("run_id",)),
    "deliver_again": Said("runs", {202: _MOVED}, problems=(404, 409), path=("run_id",)),
    "list_functions": Said("functions", {200: Answer("the functions", "FunctionList")}),
    "show_function": Said(
        "functions", {200: Answer("the function", "Function")}, problems=(404,), path=("function_name",)
    ),
    "create_token": Said(
        "tokens",
        {201: Answer("the token, with its text", "NewToken", ("Location",))},
        problems=(413, 415, 422),
        body="TokenRequest",
        examples={"reader": {"value": {"tenant": "acme", "scopes": ["runs:read"], "expires_in_seconds": 86400}}},
    ),
    "list_tokens": Said(
        "tokens",
        {200: Answer("a page of tokens", "TokenList")},
        query={
            "tenant": _TENANT,
            "limit": query_parameter(
                "limit", "at most this many", {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}
            ),
            "cursor": CURSOR,
        },
    ),
    "revoke_token": Said("tokens", {204: Answer("it is revoked")}, problems=(404,), path=("token_id",)),
    "show_webhook_secrets": Said(
        "tokens", {200: Answer("the secrets, the current one first", "WebhookSecrets")}, query={"tenant": _TENANT}
    ),
    "health": Said("service", {200: Answer("every part answers", "Health"), 503: Answer("a part does not", "Health")}),
    "openapi_document": Said(
        "service",
        {200: Answer("this document", {"type": "object"}, ("ETag",)), 304: Answer("known", headers=("ETag",))},
        headers=("If-None-Match",),
    ),
    "docs_page": Said(
        "service",
        {200: Answer("a page", {"type": "string"}, ("ETag",), ("text/html",)), 304: Answer("known")},
        headers=("If-None-Match",),
    ),
    "dashboard": Said(
        "service",
        {
            200: Answer("a page", {"type": "string"}, ("ETag",), ("text/html",)),
            304: Answer("known"),
            308: Answer("the same with its final slash", headers=("Location",)),
        },
        headers=("If-None-Match",),
    ),
    "asset": Said(
        "service",
        {
            200: Answer("a file", {"type": "string"}, ("ETag",), ("text/javascript", "text/css", "image/svg+xml")),
            304: Answer("known"),
        },
        problems=(404,),
        path=("asset_name",),
        headers=("If-None-Match",),
    ),
}

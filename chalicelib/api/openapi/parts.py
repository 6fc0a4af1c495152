"""The parts of the OpenAPI document that operations share: headers, parameters, webhooks, an example of a run."""

from __future__ import annotations

from typing import Any

from invoke_once.life.status import TERMINAL

Json = dict[str, Any]

INTRODUCTION = """\
Start a run of a Lambda function, once, and learn its result.

A start answers at once with a run; look at it until it has ended, or have a callback told. Repeat a start with the
same `Idempotency-Key` as often as you like: it is the same run. Every error is a problem as RFC 9457 has it.
`Location` and `links` resolve against the URL of the request."""

TAGS = {
    "runs": "Start runs, look at them, change their course.",
    "batches": "Many runs with one outcome.",
    "bulk": "One action on all runs that a filter shows.",
    "functions": "What can be run.",
    "tokens": "Who may call: for administrators.",
    "service": "The service itself; no token needed.",
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


SECURITY: Json = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "once_ID_SECRET"},
    "link": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "oncelink_…",
        "description": "of one run or batch",
    },
}
SIGV4: Json = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "an AWS signature (SigV4) for execute-api",
}


def _header(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


_KEY_PATTERN = r"^(\"([ !#-\[\]-~]|\\[\"\\]){1,255}\"|(?![:?])[!#-'*+\-.\/0-9:<=>?@A-Z\[\]^_`a-z{|}~]{1,255})$"
IN_HEADER: Json = {
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "1 to 255 visible ASCII characters, as a quoted string or bare. The same key is the same run; without one, "
        "every start is a new run.",
        pattern=_KEY_PATTERN,
        examples=['"order-4711"'],
    ),
    "traceparent": _header(
        "traceparent",
        "W3C Trace Context: kept, given to the function, sent with the callback. One that does not parse is ignored.",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ),
    "tracestate": _header("tracestate", "of the same; it goes with the run's first event alone"),
    "Prefer": _header("Prefer", "`wait=N`: hold the call up to N seconds, at most 25.", examples=["wait=20"]),
    "If-None-Match": _header("If-None-Match", "an ETag: 304 while nothing has changed"),
}
HEADER_OF_PROBLEM = {
    401: "WWW-Authenticate", 403: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After",
}  # fmt: skip

#: By a path's first segment: what its parameter is, pattern, example.
_IN_PATH = {
    "runs": ("a run's id", "^run_[a-z2-7]{26}$", "run_wq4c5nqlp3wbc6c5ibd2iyhkeu"),
    "batches": ("a batch's id", "^batch_[a-z2-7]{26}$", "batch_wq4c5nqlp3wbc6c5ibd2iyhkeu"),
    "bulk": ("a bulk job's id", "^bulk_[a-z2-7]{26}$", "bulk_wq4c5nqlp3wbc6c5ibd2iyhkeu"),
    "functions": ("a function's name", "^[a-z][a-z0-9-]{0,39}$", "report"),
    "tokens": ("a token's id", "^[a-z0-9]{8,32}$", "0123456789abcdef"),
    "assets": ("a file's name", r"^[a-z0-9][a-z0-9-]{0,60}\.(js|css|svg)$", "app.js"),
}


def in_path(path: str, name: str) -> Json:
    description, pattern, example = _IN_PATH[path.split("/")[1]]
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema,
            "example": example}  # fmt: skip


RUN: Json = {
    "id": "run_wq4c5nqlp3wbc6c5ibd2iyhkeu",
    "function": "report",
    "status": "succeeded",
    "idempotency_key": "order-4711",
    "attempt": 1,
    "max_attempts": 1,
    "leg": 1,
    "checkpoint": None,
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
    "cancelled_by": None,
    "batch": None,
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

_WEBHOOK = (
    "Sent to `callback.url` of a run that has ended, signed with the tenant's secret (Standard Webhooks). Verify the "
    "signature, answer 2xx, and take a webhook-id that you have seen before for a repeat."
)
_WEBHOOK_HEADERS = [
    _header("webhook-id", "the same for every attempt") | {"required": True},
    _header("webhook-timestamp", "seconds since 1970, of this attempt", pattern="^[0-9]+$") | {"required": True},
    _header("webhook-signature", "`v1,` and a base64 HMAC-SHA256; two while a secret is rotated") | {"required": True},
    _header("traceparent", "of the request that started the run, if it had one"),
]


def webhooks() -> Json:
    """One an outcome: what `callback.url` gets, signed as Standard Webhooks have it."""
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}
    ends = [("run", str(status)) for status in sorted(TERMINAL)]
    return {
        f"{kind}.{status}": {
            "post": {
                "operationId": f"on_{kind}_{status}",
                "summary": f"A {kind} with a callback ended {status}",
                "description": _WEBHOOK,
                "security": [],
                "parameters": _WEBHOOK_HEADERS,
                "requestBody": {"required": True, "content": body},
                "responses": {
                    "2XX": {"description": "taken"},
                    "410": {"description": "never again: the callback ends failed"},
                    "default": {"description": "tried again, for about three days"},
                },
            }
        }
        for kind, status in [*ends, ("batch", "succeeded"), ("batch", "failed"), ("batch", "cancelled")]
    }

"""A small OpenAPI 3.1 document with every construct that the /docs page has to draw."""

from __future__ import annotations

from typing import Any


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **more}}


def _problem(detail: str) -> dict[str, Any]:
    example = {"type": "urn:invoke-once:example", "title": "Example", "status": 400, "detail": detail}
    content = {"application/problem+json": {"schema": _ref("Problem"), "example": example}}
    return {"description": detail, "content": content}


_RUN_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The run's id.",
    "schema": {"type": "string", "pattern": "^run_[a-z2-7]{26}$"},
}
_EXAMPLE = {"function": "report", "input": {"csv": "a,b\n1,2\n"}, "labels": {"team": "billing"}}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "invoke-once",
        "version": "0.2.0",
        "description": "One request, one run.\n\nStart with `POST /runs`, then poll its `Location`.",
    },
    "tags": [
        {"name": "runs", "description": "Start, watch and end runs."},
        {"name": "functions", "description": "What can be run."},
        {"name": "service"},
    ],
    "security": [{"token": []}],
    "paths": {
        "/runs": {
            "post": {
                "tags": ["runs"],
                "operationId": "startRun",
                "summary": "Start a run",
                "description": "Accepts the run, records it, fires it.\n\nRepeating with the same key is safe.",
                "parameters": [
                    {
                        "name": "Idempotency-Key",
                        "in": "header",
                        "description": "A quoted string; the same key is the same run.",
                        "schema": {"type": "string", "maxLength": 255},
                        "example": '"order-4711"',
                    },
                    {"name": "Prefer", "in": "header", "schema": {"type": "string"}, "example": "wait=10"},
                ],
                "requestBody": {"required": True, "content": _json(_ref("StartRequest"), example=_EXAMPLE)},
                "responses": {
                    "202": {
                        "description": "Accepted.",
                        "headers": {
                            "Location": {"description": "Where the run is.", "schema": {"type": "string"}},
                            "Retry-After": {"schema": {"type": "integer"}},
                        },
                        "content": _json(_ref("Run")),
                    },
                    "401": {"$ref": "#/components/responses/Unauthorized"},
                    "422": _problem("A field does not fit."),
                },
            },
            "get": {
                "tags": ["runs"],
                "operationId": "listRuns",
                "summary": "List runs, newest first",
                "parameters": [
                    {"name": "status", "in": "query", "schema": _ref("Status")},
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
                    },
                ],
                "responses": {"200": {"description": "A page.", "content": _json(_ref("RunPage"))}},
            },
        },
        "/runs/{id}": {
            "parameters": [_RUN_ID],
            "get": {
                "tags": ["runs"],
                "operationId": "getRun",
                "summary": "Read a run",
                "responses": {
                    "200": {"description": "The run.", "content": _json(_ref("Run"))},
                    "304": {"description": "Unchanged."},
                    "404": _problem("There is no such run."),
                },
            },
        },
        "/runs/{id}/cancel": {
            "parameters": [_RUN_ID],
            "post": {
                "tags": ["runs"],
                "operationId": "cancelRun",
                "summary": "Cancel a run",
                "responses": {
                    "202": {"description": "Asked.", "content": _json(_ref("Run"))},
                    "409": _problem("It has ended."),
                },
            },
        },
        "/bulk": {
            "post": {
                "tags": ["runs"],
                "operationId": "startBulk",
                "summary": "Act on many runs",
                "responses": {"202": {"description": "Accepted.", "content": _json({"type": "object"})}},
            }
        },
        "/functions": {
            "get": {
                "tags": ["functions"],
                "operationId": "listFunctions",
                "summary": "List functions",
                "responses": {"200": {"description": "All of them.", "content": _json({"type": "object"})}},
            }
        },
        "/healthz": {
            "get": {
                "tags": ["service"],
                "operationId": "health",
                "summary": "Health of each part",
                "security": [],
                "deprecated": True,
                "responses": {"200": {"description": "Well.", "content": _json({"type": "object"})}},
            }
        },
    },
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "responses": {"Unauthorized": _problem("No token, or one that is not known.")},
        "schemas": {
            "Status": {
                "type": "string",
                "enum": [
                    *("scheduled", "queued", "running", "succeeded"),
                    *("failed", "timed_out", "cancelled", "expired"),
                ],
            },
            "StartRequest": {
                "type": "object",
                "required": ["function"],
                "additionalProperties": False,
                "properties": {
                    "function": {"type": "string", "description": "Its name in functions.toml."},
                    "input": {"description": "Any JSON; what the handler gets."},
                    "callback": {
                        "type": "object",
                        "required": ["url"],
                        "properties": {"url": {"type": "string", "format": "uri", "maxLength": 2048}},
                    },
                    "delay_seconds": {"type": "integer", "minimum": 0, "default": 0},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "Run": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": {"type": "string", "examples": ["run_aaaaaaaaaaaaaaaaaaaaaaaaaa"]},
                    "status": _ref("Status"),
                    "attempt": {"type": "integer"},
                    "progress": {"anyOf": [_ref("Progress"), {"type": "null"}]},
                    "retry_of": {"anyOf": [_ref("Run"), {"type": "null"}], "description": "Points to itself."},
                },
            },
            "Progress": {
                "type": "object",
                "properties": {
                    "fraction": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                    "message": {"type": ["string", "null"]},
                },
            },
            "RunPage": {
                "type": "object",
                "properties": {
                    "runs": {"type": "array", "items": _ref("Run")},
                    "next_cursor": {"type": ["string", "null"]},
                },
            },
            "Problem": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string", "description": "`urn:invoke-once:NAME`"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

"""The OpenAPI 3.1 document: made from the registered operations, the schemas, and what operations.py says of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from chalice.app import Chalice

from chalicelib.api import problems, schemas
from chalicelib.api.openapi import answers as documented
from chalicelib.api.openapi import operations, parameters
from chalicelib.api.openapi.operations import Answer, Said
from chalicelib.api.routes import Operation, entries
from chalicelib.runs import documents

Json = dict[str, Any]

VERSION = "1.0"
_REF = "#/components/schemas/{name}"
_STRUCTS = (
    documented.Run, documented.RunList, documented.LogPage, documented.DeliveryList, documented.Function,
    documented.FunctionList, documented.Token, documented.NewToken, documented.TokenList, documented.WebhookSecrets,
    documented.Health,
    documented.Problem, documented.Event, schemas.StartRequest, schemas.TokenRequest,
)  # fmt: skip
_INTRODUCTION = """\
Start a run of a Lambda function, once, and learn its result.

A start answers at once with a run; look at it until it has ended, or have a callback told. Repeat a start with the
same `Idempotency-Key` as often as you like: it is the same run. Every error is a problem as RFC 9457 has it.
`Location` and `links` resolve against the URL of the request."""


@cache
def document_text(app: Chalice) -> tuple[str, str]:
    """(the document of the app's operations as JSON text, its ETag)."""
    text = json.dumps(document(entries(app)), separators=(",", ":"))
    return text, documents.etag(text)


def document(known: Sequence[Any]) -> Json:
    _, components = msgspec.json.schema_components(_STRUCTS, ref_template=_REF)
    paths: Json = {}
    for entry in known:
        said = operations.SAID[entry.view_function.name]
        paths.setdefault(entry.uri_pattern, {})[entry.method.lower()] = _operation(known, entry.view_function, said)
    return {
        "openapi": "3.1.0",
        "info": {"title": "invoke-once", "version": VERSION, "description": _INTRODUCTION,
                 "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": ".", "description": "where this document was found"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in operations.TAGS.items()],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": components,
            "responses": {str(status): _problem_response(status) for status in parameters.PROBLEMS},
            "headers": parameters.HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "once_ID_SECRET"}},
        },
    }  # fmt: skip


def _operation(known: Iterable[Any], operation: Operation, said: Said) -> Json:
    asked = [parameters.PARAMETERS[name] for name in (*said.path, *said.headers)]
    asked += [said.query[name] for name in sorted(operation.query)]
    found: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": said.description,
        "tags": [said.tag],
        "security": [{"token": [operation.scope]}] if operation.scope else [],
        "parameters": asked,
        "requestBody": _request_body(said),
        "responses": _responses(known, operation, said),
    }
    return {name: value for name, value in found.items() if value or name == "security"}


def _request_body(said: Said) -> Json | None:
    if said.body is None:
        return None
    content = {"schema": {"$ref": _REF.format(name=said.body)}, "examples": said.examples}
    return {"required": True, "content": {"application/json": content}}


def _responses(known: Iterable[Any], operation: Operation, said: Said) -> Json:
    found = {str(status): _answer(answer) | _links(known, answer) for status, answer in said.answers.items()}
    refused = {*said.problems, *(operations.SECURED if operation.scope else ())}
    return found | {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refused)}


def _links(known: Iterable[Any], answer: Answer) -> Json:
    """From a run's or a token's document to what can be asked with its id."""
    name = {"Run": "run_id", "NewToken": "token_id"}.get(str(answer.schema))
    if name is None:
        return {}
    led_to = [other.view_function.name for other in known if f"{{{name}}}" in other.uri_pattern]
    return {"links": {to: {"operationId": to, "parameters": {name: "$response.body#/id"}} for to in led_to}}


def _answer(answer: Answer) -> Json:
    found: Json = {"description": answer.description}
    if answer.headers:
        found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in answer.headers}
    if answer.schema is not None:
        schema = answer.schema if isinstance(answer.schema, dict) else {"$ref": _REF.format(name=answer.schema)}
        content: Json = {"schema": schema}
        if answer.example is not None:
            content["example"] = answer.example
        found["content"] = dict.fromkeys(answer.media_types, content)
    return found


def _problem_response(status: int) -> Json:
    about, headers = parameters.PROBLEMS[status]
    kinds = [kind for kind in _all(problems.Problem) if kind.status == status]
    examples = {kind.name: {"value": _example(kind)} for kind in kinds}
    content = {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}
    found: Json = {"description": about, "content": {problems.MEDIA_TYPE: content}}
    if headers:
        found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return found


def _all(kind: type[problems.Problem]) -> list[type[problems.Problem]]:
    return [sub for direct in kind.__subclasses__() for sub in (direct, *_all(direct))]


def _example(kind: type[problems.Problem]) -> Json:
    return {"type": problems.URN + kind.name, "title": kind.title, "status": kind.status}


def _webhooks() -> Json:
    """One an outcome: what `callback.url` gets, signed as Standard Webhooks have it."""
    body = {"schema": {"$ref": _REF.format(name="Event")}}
    return {
        f"run.{status}": {
            "post": {
                "operationId": f"on_run_{status}",
                "summary": f"A run with a callback ended {status}",
                "description": parameters.WEBHOOK,
                "security": [],
                "parameters": parameters.WEBHOOK_HEADERS,
                "requestBody": {"required": True, "content": {"application/json": body}},
                "responses": {
                    "2XX": {"description": "taken"},
                    "410": {"description": "never again: the callback ends failed"},
                    "default": {"description": "tried again, for about three days"},
                },
            }
        }
        for status in ("succeeded", "failed", "timed_out", "cancelled", "expired")
    }

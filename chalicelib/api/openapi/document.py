"""The OpenAPI 3.1 document: made from the app's routes, what stands beside each view, and msgspec's schemas."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from chalice.app import Chalice

from chalicelib.api import problems
from chalicelib.api.openapi import answers, batch_answers, bulk_answers, parts
from chalicelib.api.openapi.parts import Json
from chalicelib.api.routes import About, Answer, entries
from chalicelib.functions import Function
from chalicelib.runs import documents
from invoke_once.version import __version__

_REF = "#/components/schemas/{name}"
_SECURED = (400, 401, 403, 429, 503)  #: what every operation with a token may answer with


def document_text(app: Chalice, functions: Mapping[str, Function], *, signed: bool = False) -> tuple[str, str]:
    """(the document of the app's operations as JSON text, its ETag)."""
    text = json.dumps(document(app, functions, signed=signed), separators=(",", ":"))
    return text, documents.etag(text)


def document(app: Chalice, functions: Mapping[str, Function], *, signed: bool = False) -> Json:
    """`functions`: each one's input is described, but of those that only some tenants may run: nobody is asked here.

    `signed`: with what takes an AWS signature, for a stage that lists such callers.
    """
    routes = [entry for entry in entries(app) if signed or not entry.view_function.about.signed]
    kinds = [entry.view_function.about for entry in routes]
    asked = [kind for about in kinds for kind in (about.query, about.body) if kind]
    told = (*answers.ALL, *batch_answers.ALL, *bulk_answers.ALL, *asked)
    _, components = msgspec.json.schema_components(told, ref_template=_REF)
    queries = {kind: _parameters(components.pop(kind.__name__)) for kind in {about.query for about in kinds} if kind}
    open_to_all = [function for function in functions.values() if not function.tenants]
    _tell_defaults(components["StartRequest"], components["TokenRequest"])
    components |= _start_requests(components["StartRequest"], open_to_all)
    paths: Json = {}
    for entry in routes:
        described = _operation(routes, entry, queries.get(entry.view_function.about.query, []), functions)
        paths.setdefault(entry.uri_pattern, {})[entry.method.lower()] = described
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": "invoke-once", "version": __version__, "description": parts.INTRODUCTION,
                 "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": ".", "description": "where this document was found"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in parts.TAGS.items()],
        "paths": paths,
        "webhooks": parts.webhooks(),
        "components": {
            "schemas": components,
            "responses": dict(_problem_responses()),
            "headers": parts.HEADERS,
            "securitySchemes": parts.SECURITY | ({"sigv4": parts.SIGV4} if signed else {}),
        },
    }  # fmt: skip
    _type_enums(found)
    return found


def _operation(routes: Sequence[Any], entry: Any, query: Sequence[Json], functions: Collection[str]) -> Json:
    operation, about = entry.view_function, entry.view_function.about
    summary, _, description = (operation.__doc__ or "").partition("\n")
    headers = [*about.headers, *(["If-None-Match"] if 304 in about.answers else [])]
    in_path = [parts.in_path(entry.uri_pattern, name) for name in entry.view_args]
    found: Json = {
        "operationId": operation.name,
        "summary": summary,
        "description": " ".join(description.split()),
        "tags": [operation.tag],
        "security": _security(about),
        "parameters": [*in_path, *(parts.IN_HEADER[name] for name in headers), *query],
        "requestBody": _request_body(about, functions),
        "responses": _responses(routes, about, bool(in_path), has_body=entry.method == "POST"),
    }
    return {name: value for name, value in found.items() if value or name == "security"}


def _security(about: About) -> list[Json]:
    if about.signed:
        return [{"sigv4": []}]
    return [{"token": [about.scope]}, *([{"link": []}] if about.linked else [])] if about.scope else []


def _parameters(query: Json) -> list[Json]:
    """One parameter a field. A list is separated by commas, unless a comma may be part of what it holds."""
    found = []
    for name, schema in query["properties"].items():
        (schema,) = [each for each in schema.pop("anyOf", [schema]) if each.get("type") != "null"]
        described = {"name": name, "in": "query", "description": schema.pop("description", "")}
        if schema.get("default", 0) in (None, []):
            del schema["default"]
        if schema.get("type") == "array":
            described |= {"explode": name != "status", "style": "form"}
        found.append({**described, "schema": schema})
    return found


def _tell_defaults(*requests: Json) -> None:
    """A default is told in words: with `default`, generators take the field for one that has to be sent."""
    for field in (field for request in requests for field in request["properties"].values()):
        if "default" in field:
            default = field.pop("default")
            text = "empty" if default in ({}, None) else json.dumps(default)
            field["description"] = "; ".join(filter(None, (field.get("description"), f"default: {text}")))


def _start_requests(base: Json, functions: Sequence[Function]) -> Json:
    """`StartRequest` as one of a request a function, told apart by `function`, which has its own schema of `input`."""
    if not functions:
        return {}
    found: Json = {}
    for function in functions:
        name = "Start" + "".join(part.title() for part in function.name.split("-"))
        given = {"function": {"type": "string", "const": function.name}}
        if function.input_schema is not None:
            own = {"$id": f"urn:invoke-once:input:{function.name}"}  # what its references are relative to
            given["input"] = {**(own if "$ref" in str(function.input_schema) else {}), **function.input_schema}
        required = ["function", *(["input"] if _needs_input(function) else [])]
        text = function.description or f"A run of {function.name}."
        found[name] = {**base, "title": name, "description": text, "required": required,
                       "properties": base["properties"] | given}  # fmt: skip
    refs = {f.name: _REF.format(name=name) for f, name in zip(functions, found, strict=True)}
    choice = {"propertyName": "function", "mapping": refs}
    one_of = {"oneOf": [{"$ref": ref} for ref in refs.values()], "discriminator": choice}
    return {**found, "StartRequest": {"title": "StartRequest", "description": base["description"], **one_of}}


def _needs_input(function: Function) -> bool:
    """Without an input it is null, which most schemas do not take."""
    schema = function.input_schema or {}
    return "type" in schema and "null" not in schema["type"]


def _request_body(about: About, functions: Collection[str]) -> Json | None:
    if about.body is None:
        return None
    there = {name: value for name, value in about.examples.items() if value.get("function") in (None, *functions)}
    examples = {name: {"value": value} for name, value in there.items()}
    content = {"schema": {"$ref": _REF.format(name=about.body.__name__)}, "examples": examples}
    return {"required": not about.body_optional, "content": {"application/json": content}}


def _responses(routes: Sequence[Any], about: About, has_path: bool, *, has_body: bool) -> Json:
    found = {str(status): _answer(status, answer) | _links(routes, answer) for status, answer in about.answers.items()}
    refused = {*about.problems, *(_SECURED if about.scope else ()), *([404] if has_path else [])}
    refused |= {413, 415, 422} if has_body else set()
    return found | {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refused)}


def _answer(status: int, answer: Answer) -> Json:
    found: Json = {"description": answer.description}
    if answer.headers:
        found["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in answer.headers}
    if answer.schema:
        content: Json = {"schema": {"$ref": _REF.format(name=answer.schema)}}
        if answer.schema == "Run" and status == 200:
            content["example"] = parts.RUN
        found["content"] = {"application/json": content}
    elif status == 200 and answer.media_types:
        found["content"] = {
            media_type: {"schema": {} if "json" in media_type else {"type": "string"}}
            for media_type in answer.media_types
        }
    return found


def _links(routes: Sequence[Any], answer: Answer) -> Json:
    """From a run's or a token's document to what can be asked with its id."""
    name = {"Run": "run_id", "NewToken": "token_id"}.get(answer.schema)
    if name is None:
        return {}
    led_to = [entry.view_function.name for entry in routes if name in entry.view_args]
    return {"links": {to: {"operationId": to, "parameters": {name: "$response.body#/id"}} for to in led_to}}


def _problem_responses() -> Iterator[tuple[str, Json]]:
    kinds = [kind for kind in _all(problems.Problem) if kind is not problems.Internal]
    for status in sorted({kind.status for kind in kinds}):
        here = [kind for kind in kinds if kind.status == status]
        examples = {
            kind.name: {"value": {"type": problems.URN + kind.name, "title": kind.title, "status": status}}
            for kind in here
        }
        content = {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}
        found: Json = {"description": "; ".join(kind.title for kind in here),
                       "content": {problems.MEDIA_TYPE: content}}  # fmt: skip
        if header := parts.HEADER_OF_PROBLEM.get(status):
            found["headers"] = {header: {"$ref": f"#/components/headers/{header}"}}
        yield str(status), found


def _all(kind: type[problems.Problem]) -> list[type[problems.Problem]]:
    return [sub for direct in kind.__subclasses__() for sub in (direct, *_all(direct))]


def _type_enums(value: Any) -> None:
    """msgspec leaves out what an enum's texts are: some generators want to be told."""
    if isinstance(value, dict):
        if isinstance(value.get("enum"), list) and all(isinstance(each, str) for each in value["enum"]):
            value.setdefault("type", "string")
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _type_enums(inner)

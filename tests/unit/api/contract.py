"""Every answer of every test against the OpenAPI document: its status, media type, headers and schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib import functions
from chalicelib.api.front import Api
from chalicelib.api.openapi.document import document_text
from infra.paths import FUNCTIONS_TOML


def check(api: Api, event: Mapping[str, Any], answer: Any) -> None:
    """AssertionError where the document does not allow this answer. Unknown routes and methods have no entry."""
    context = event.get("requestContext")
    asked = context if isinstance(context, dict) else {}
    path, method = str(asked.get("resourcePath")), str(asked.get("httpMethod")).lower()
    described = document(api)["paths"].get(path, {}).get(method)
    if described is None:
        assert answer.status in (404, 405) or (method, answer.status) == ("options", 204)  # a preflight is no operation
        return
    expected = described["responses"].get(str(answer.status))
    assert expected, f"{described['operationId']} may not answer {answer.status}: {answer.text[:200]}"
    expected = resolved(api, expected)
    for name, header in expected.get("headers", {}).items():
        if resolved(api, header).get("required"):
            assert name.lower() in answer.headers, f"{described['operationId']} {answer.status} without {name}"
    content = expected.get("content")
    if content is None:
        assert answer.text == "", f"{described['operationId']} {answer.status} has a body"
        return
    media_type = answer.headers["content-type"].split(";")[0]
    assert media_type in content, f"{described['operationId']} {answer.status} is {media_type}"
    if media_type.endswith("json"):
        reference = content[media_type]["schema"]
        errors = list(validator(api, json.dumps(reference)).iter_errors(json.loads(answer.text)))
        assert not errors, f"{described['operationId']} {answer.status}: {errors[0].message} at {errors[0].json_path}"


@cache
def document(api: Api) -> Any:
    return json.loads(document_text(api, functions.load(FUNCTIONS_TOML, "s"), signed=True)[0])


def resolved(api: Api, value: Mapping[str, Any]) -> Any:
    if "$ref" not in value:
        return value
    found = document(api)
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


@cache
def validator(api: Api, reference: str) -> Draft202012Validator:
    schema = json.loads(reference) | {"components": {"schemas": document(api)["components"]["schemas"]}}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)

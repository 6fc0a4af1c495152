"""The OpenAPI document: valid, complete, and true. (Every other test here holds each answer against it.)"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from app import app
from chalicelib import functions
from chalicelib.api import headers, problems, schemas
from chalicelib.api.openapi import answers, parts
from chalicelib.api.openapi.document import document_text
from chalicelib.api.routes import entries
from chalicelib.functions import Function
from infra.paths import FUNCTIONS_TOML
from invoke_once.life.status import Status
from tests.unit.api import contract
from tests.unit.api.world import FUNCTIONS, World

KNOWN = functions.load(FUNCTIONS_TOML, "s")
DOCUMENT = json.loads(document_text(app, KNOWN, signed=True)[0])
OPERATIONS = [
    (path, method, described) for path, item in DOCUMENT["paths"].items() for method, described in item.items()
]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in references(inner)]
    return [found for inner in value for found in references(inner)] if isinstance(value, list) else []


def test_it_is_served_to_anyone_and_costs_304_when_known(world: World) -> None:
    answer = world.call("GET", "/openapi.json", token=None)
    assert answer.text == document_text(app, FUNCTIONS)[0] and answer.json["openapi"] == "3.1.0"
    assert world.call("GET", "/openapi.json", headers={"If-None-Match": answer.headers["etag"]}).status == 304


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        contract.resolved(app, {"$ref": reference})


def test_every_schema_is_a_schema_and_holds_its_own_examples() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for field, inner in schema.get("properties", {}).items():
            for example in inner.get("examples", []):
                assert contract.validator(app, json.dumps(inner)).is_valid(example), (name, field)


def test_the_document_has_every_registered_operation_and_no_other() -> None:
    registered = {(entry.uri_pattern, entry.method.lower()) for entry in entries(app)}
    assert {(path, method) for path, method, _ in OPERATIONS} == registered


@pytest.mark.parametrize(("path", "method", "described"), OPERATIONS)
def test_every_operation_tells_its_scope_its_problems_and_its_parameters(
    path: str, method: str, described: Any
) -> None:
    operation = app.routes[path][method.upper()].view_function
    ways = [{"token": [operation.scope]}, *([{"link": []}] if operation.about.linked else [])]
    signed = [{"sigv4": []}] if operation.about.signed else []
    assert described["security"] == (ways if operation.scope else signed)
    if operation.scope:
        assert {"400", "401", "403", "429", "503"} <= set(described["responses"])
    asked = {(parameter["in"], parameter["name"]) for parameter in described.get("parameters", [])}
    assert {name for place, name in asked if place == "query"} == operation.query
    assert {name for place, name in asked if place == "path"} == set(re.findall(r"{(\w+)}", path))
    assert described["summary"] and described["tags"][0] in parts.TAGS
    assert any(status.startswith("2") for status in described["responses"])


@pytest.mark.parametrize(("path", "method", "described"), [o for o in OPERATIONS if "requestBody" in o[2]])
def test_every_body_has_examples_that_are_valid(path: str, method: str, described: Any) -> None:
    content = described["requestBody"]["content"]["application/json"]
    assert content["examples"]
    for example in content["examples"].values():
        assert contract.validator(app, json.dumps(content["schema"])).is_valid(example["value"])
        kind = app.routes[path][method.upper()].view_function.about.body
        schemas.read(example["value"], kind, opaque="input")
    assert {"413", "415", "422"} <= set(described["responses"])


def schema(name: str) -> Any:
    return DOCUMENT["components"]["schemas"][name]


def test_a_start_is_one_of_a_request_a_function_with_its_own_input() -> None:
    start = schema("StartRequest")
    assert start["discriminator"]["propertyName"] == "function"
    mapping = start["discriminator"]["mapping"]
    assert set(mapping) == set(KNOWN) and [each["$ref"] for each in start["oneOf"]] == list(mapping.values())
    for name, reference in mapping.items():
        own = contract.resolved(app, {"$ref": reference})
        assert own["properties"]["function"] == {"type": "string", "const": name}
        given = KNOWN[name].input_schema
        assert own["properties"]["input"].get("properties") == (given or {}).get("properties")
        assert ("input" in own["required"]) == (given is not None)


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"function": "echo"}, True),
        ({"function": "echo", "input": [1]}, True),
        ({"function": "sleep", "input": {"seconds": 1}}, True),
        ({"function": "sleep", "input": {"seconds": "x"}}, False),
        ({"function": "sleep"}, False),
        ({"function": "nope"}, False),
        ({"function": "echo", "inpt": 1}, False),
    ],
)
def test_a_start_fits_where_the_service_would_take_it(body: Any, fits: bool) -> None:
    assert contract.validator(app, '{"$ref": "#/components/schemas/StartRequest"}').is_valid(body) == fits


def test_what_only_some_tenants_may_run_is_not_told_to_everybody() -> None:
    limited = {name: replace(f, tenants=("acme",)) if name == "sleep" else f for name, f in KNOWN.items()}
    assert "StartSleep" not in json.loads(document_text(app, limited)[0])["components"]["schemas"]
    nobody = {name: replace(f, tenants=("acme",)) for name, f in KNOWN.items()}
    start = json.loads(document_text(app, nobody)[0])["components"]["schemas"]["StartRequest"]
    assert "oneOf" not in start and start["properties"]["function"]["type"] == "string"


def test_references_in_a_function_s_own_schema_stay_in_it() -> None:
    own = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}
    known = {"f": Function("f", "t", input_schema=own)}
    components = json.loads(document_text(app, known)[0])["components"]["schemas"]
    validator = Draft202012Validator(components["StartF"]["properties"]["input"])
    assert validator.is_valid(1) and not validator.is_valid("x")


def test_no_field_of_a_request_has_a_default_that_generators_would_demand() -> None:
    for name in ("StartEcho", "TokenRequest"):
        assert not [field for field, each in schema(name)["properties"].items() if "default" in each]
    assert schema("StartEcho")["properties"]["queue_timeout_seconds"]["description"].endswith("default: 21600")
    assert schema("StartEcho")["required"] == ["function"]


def test_every_enum_has_a_type_and_a_callback_s_url_its_form() -> None:
    assert set(schema("Status")["enum"]) == set(Status)

    def enums(value: Any) -> list[Any]:
        if isinstance(value, dict):
            here = [value] if isinstance(value.get("enum"), list) else []
            return here + [found for inner in value.values() for found in enums(inner)]
        return [found for inner in value for found in enums(inner)] if isinstance(value, list) else []

    assert {each.get("type") for each in enums(DOCUMENT)} == {"string"}
    url = schema("Callback")["properties"]["url"]
    assert url["format"] == "uri" and re.search(url["pattern"], "https://example.com/hook")
    assert not re.search(url["pattern"], "any text")


def test_the_example_of_a_run_is_a_run() -> None:
    assert contract.validator(app, '{"$ref": "#/components/schemas/Run"}').is_valid(parts.RUN)


def test_every_problem_is_in_the_document_with_an_example() -> None:
    def all_of(kind: type[problems.Problem]) -> set[type[problems.Problem]]:
        return {sub for direct in kind.__subclasses__() for sub in {direct, *all_of(direct)}}

    for kind in all_of(problems.Problem) - {problems.Internal}:
        response = DOCUMENT["components"]["responses"][str(kind.status)]
        assert kind.name in response["content"]["application/problem+json"]["examples"]


def test_the_webhooks_are_described(world: World) -> None:
    assert sorted(DOCUMENT["webhooks"]) == [
        *(f"batch.{s}" for s in ("cancelled", "failed", "succeeded")),
        *(f"run.{s}" for s in ("cancelled", "expired", "failed", "succeeded", "timed_out")),
    ]
    for item in DOCUMENT["webhooks"].values():
        names = {parameter["name"] for parameter in item["post"]["parameters"]}
        assert names == {"webhook-id", "webhook-timestamp", "webhook-signature", "traceparent"}


@pytest.mark.parametrize(
    "key",
    [
        '"a"',
        "a",
        '"a\\"b"',
        '"a b"',
        "order#1",
        "k" * 255,
        "",
        '""',
        '"a',
        "a b",
        "a,b",
        ":a:",
        "?1",
        "é",
        '"a"b"',
        "k" * 256,
    ],
)
def test_the_pattern_of_a_key_says_what_the_parser_takes(key: str) -> None:
    pattern = parts.IN_HEADER["Idempotency-Key"]["schema"]["pattern"]
    try:
        headers.idempotency_key({"idempotency-key": [key]})
        taken = True
    except problems.InvalidKey:
        taken = False
    assert bool(re.search(pattern, key)) == taken


def test_the_documented_run_has_the_fields_of_a_real_one(world: World) -> None:
    real = world.post({"function": "echo", "callback": {"url": "https://example.com/"}}).json
    assert set(real) == set(answers.Run.__struct_fields__)


def test_pages_and_assets_are_served_with_their_headers(world: World) -> None:
    for path, kind in (("/docs", "text/html"), ("/", "text/html")):
        answer = world.call("GET", path, token=None)
        if answer.status == 308:
            assert answer.headers["location"] == "api/"
            continue
        assert answer.headers["content-type"].startswith(kind) and "content-security-policy" in answer.headers
        assert world.call("GET", path, token=None, headers={"If-None-Match": answer.headers["etag"]}).status == 304
    script = world.call("GET", "/assets/{name}", name="app.js", token=None)
    assert script.status == 200 and script.headers["content-type"].startswith("text/javascript")
    for name in ("nope.js", "../assets.py", "assets.py", "", "app.js\0"):
        assert world.call("GET", "/assets/{name}", name=name, token=None).status == 404


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [(path, method, about["requestBody"]) for path, method, about in OPERATIONS if about.get("requestBody")],
)
def test_a_body_may_be_left_out_where_it_is_said_and_nowhere_else(
    world: World, path: str, method: str, body: Any
) -> None:
    if path == "/iam-tokens":  # a signed call: its own tests leave the body out
        return
    run_id = world.post({"function": "echo", "input": 1}).json["id"]
    items = {"function": "echo", "items": [{"input": 1}]}
    batch_id = world.call("POST", "/batches", json_body=items, headers={"Idempotency-Key": '"b"'}).json["id"]
    known = {"run_id": run_id, "batch_id": batch_id, "name": "echo"}
    filled = {name: value for name, value in known.items() if f"{{{name}}}" in path}
    answer = world.call(method.upper(), path, headers={"Idempotency-Key": '"k"'}, **filled)
    assert (answer.status in (400, 415)) is body["required"], answer.json

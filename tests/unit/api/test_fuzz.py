"""Whatever comes through the gateway: never a 5xx, never a trace, always an answer that the document allows."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib.api.routes import entries
from tests.unit.api.world import World

ROUTES = sorted({(entry.method, entry.uri_pattern) for entry in entries(app)})
WORLD = World(app)
RUN_ID = WORLD.post({"function": "echo", "callback": {"url": "https://example.com/"}}).json["id"]

text = st.text(max_size=40)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
start = st.fixed_dictionaries(
    {"function": st.sampled_from(["echo", "strict", "fail"]) | text},
    optional={
        "input": anything,
        "delay_seconds": st.integers() | st.floats() | anything,
        "queue_timeout_seconds": st.integers(-2, 100_000) | anything,
        "retry": st.dictionaries(st.sampled_from(["max_attempts", "backoff_seconds", "x"]), st.integers() | anything),
        "callback": st.fixed_dictionaries({"url": st.sampled_from(["https://example.com/"]) | text}) | anything,
        "labels": st.dictionaries(text, text, max_size=12) | anything,
        "if_failed": st.sampled_from(["replay", "rerun"]) | anything,
    },
)
body = st.none() | st.binary(max_size=200) | (start | anything).map(lambda value: json.dumps(value).encode("utf-8"))
header_name = st.sampled_from(
    ["Content-Type", "Idempotency-Key", "Prefer", "If-None-Match", "Accept", "Authorization", "Content-Encoding"]
)
header_value = st.text(max_size=60) | st.sampled_from(
    ["application/json", "wait=1", '"key"', 'W/"x"', "text/uri-list", "Bearer x", "application/json; charset=utf-8"]
)
query_name = st.sampled_from(
    ["limit", "cursor", "status", "label", "key", "function", "created_after", "created_before", "attempt", "tenant"]
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """An event as API Gateway makes them: its structure is right, and everything that a caller chooses is anything."""
    method, route = draw(st.sampled_from(ROUTES))
    headers = {name: [value] for name, value in draw(st.dictionaries(header_name, header_value, max_size=4)).items()}
    if draw(st.integers(0, 9)) > 0:
        headers["Authorization"] = [f"Bearer {WORLD.token}"]
    if draw(st.booleans()):
        headers["Content-Type"] = ["application/json"]
    if draw(st.integers(0, 9)) == 0 and headers:
        headers[draw(st.sampled_from(sorted(headers)))] *= 2
    query = draw(st.dictionaries(query_name, st.lists(text, min_size=1, max_size=2), max_size=3))
    params = {name: draw(st.just(RUN_ID) | text) for name in ("run_id", "name", "token_id") if f"{{{name}}}" in route}
    raw = draw(body)
    return {
        "resource": route,
        "path": route,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in headers.items()} or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": params or None,
        "requestContext": {"resourcePath": route, "httpMethod": method, "path": "/api" + route},
        "body": None if raw is None else base64.b64encode(raw).decode(),
        "isBase64Encoded": True,
    }


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events())
def test_no_event_makes_a_5xx_or_a_trace(event: dict[str, Any]) -> None:
    answer = WORLD.send(event)  # which holds it against the document
    assert answer.status < 500
    assert "Traceback" not in answer.text and '.py"' not in answer.text
    assert all("\r" not in value and "\n" not in value for value in answer.headers.values())
    WORLD.clock.step(1_000)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(text, anything, max_size=5)
    | st.builds(dict, requestContext=anything, headers=anything, body=anything)
)
def test_no_json_at_all_makes_a_5xx(event: dict[str, Any]) -> None:
    assert WORLD.send(event).status < 500


@settings(max_examples=200, deadline=None)
@given(anything)
def test_any_json_input_is_kept_as_it_was_sent_or_refused(value: Any) -> None:
    sent = json.dumps(value, ensure_ascii=True)
    answer = WORLD.post_raw(b'{"function":"echo","input":' + sent.encode() + b"}")
    if answer.status == 202:
        assert WORLD.get(answer.json["id"], "/input").text == sent
    else:
        assert answer.status == 400
        assert any(odd in sent for odd in ("NaN", "Infinity", "\\ud"))
    WORLD.clock.step(1_000)

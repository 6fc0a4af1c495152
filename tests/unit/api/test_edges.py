"""The interface at its edges: what a process stands on, events, log lines, pages, fields and bodies at their limits."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from chalicelib import keyring
from chalicelib.api import backend, front, iam, listing, logs, schemas
from chalicelib.api.backend import Backend
from chalicelib.api.filters import ListQuery
from chalicelib.api.health import Health
from chalicelib.api.log_reader import Search
from chalicelib.api.problems import InvalidParameter, InvalidRequest
from invoke_once.errors import StoreUnavailable
from tests.unit.api.test_listing import seed
from tests.unit.api.told import ALL, JSON, is_refused, not_found
from tests.unit.api.world import World, event


def test_a_process_s_keys_are_of_their_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    class Keys:
        def derive_valid(self, label: str, now_ms: int) -> list[bytes]:
            return [f"{label} {now_ms}".encode()]

    monkeypatch.setattr(keyring, "keyring", Keys)
    monkeypatch.setattr(keyring, "secrets_for", lambda tenant, now_ms: [keyring.Secret(f"whsec_{tenant}_{now_ms}")])
    own = structs.fields(Backend)
    default = {field.name: field.default for field in own}
    assert (default["cursor_keys"](7), default["link_keys"](7)) == ([b"cursor 7"], [b"link 7"])
    assert default["webhook_secrets"]("demo", 7) == ["whsec_demo_7"]


def test_a_process_s_client_of_cloudwatch_gives_up_before_the_gateway_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = backend._logs_client.__wrapped__()
    config = client.meta.config
    assert client.meta.service_model.service_name == "logs"
    assert (config.connect_timeout, config.read_timeout) == (2, 10)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_a_process_stands_on_its_service_s_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    svc = SimpleNamespace(settings=SimpleNamespace(tokens_table="t-tokens"), now_ms=lambda: 7)
    monkeypatch.setattr(backend, "service", lambda: svc)
    monkeypatch.setattr(backend, "connection", lambda: SimpleNamespace(add_meta_table=lambda _table: None))
    made = backend._of_process()
    assert made.service is svc and made.tokens.table._name == "t-tokens"  # type: ignore[attr-defined, comparison-overlap]


def test_a_part_that_does_not_answer_is_named(world: World) -> None:
    def away(*_args: Any, **_more: Any) -> None:
        raise StoreUnavailable("away")

    told = {"runs": "ok", "tokens": "ok", "keys": "ok", "functions": "ok"}
    fine = world.call("GET", "/healthz", token=None)
    assert (fine.status, fine.headers, fine.json) == (200, JSON, {"status": "ok", "parts": told})
    world.bench.table.get = away  # type: ignore[method-assign]
    failing = {"status": "failing", "parts": told | {"runs": "failing"}}
    assert world.call("GET", "/healthz", token=None).json == fine.json, "asked some seconds before"
    world.clock.step(5_000)
    answer = world.call("GET", "/healthz", token=None)
    assert (answer.status, answer.headers, answer.json) == (503, JSON, failing)
    head = world.call("HEAD", "/healthz", token=None)
    assert (head.status, head.headers, head.text) == (503, ALL, "")
    world.tokens.get = away  # type: ignore[method-assign]
    world.backend = structs.replace(
        world.backend, cursor_keys=away, health=Health(), service=structs.replace(world.service, functions={})
    )
    none = world.call("GET", "/healthz", token=None).json
    assert none == {"status": "failing", "parts": dict.fromkeys(told, "failing")}


def test_an_event_is_made_whole() -> None:
    given = {
        "requestContext": {"resourcePath": "/runs", "httpMethod": "GET", "path": "/api/runs"},
        "multiValueHeaders": {"A": ["1", "2"], "B": []}, "multiValueQueryStringParameters": {"q": [1, "x"], "r": None},
        "pathParameters": {"name": 7}, "body": "x", "isBase64Encoded": True, "more": 1,
    }  # fmt: skip
    assert front.whole(given) == {
        "stageVariables": None, "isBase64Encoded": True, "more": 1, "requestContext": given["requestContext"],
        "multiValueHeaders": {"a": ["1", "2"], "b": []}, "headers": {"a": "2"},
        "multiValueQueryStringParameters": {"q": ["1", "x"], "r": []}, "pathParameters": {"name": "7"}, "body": "x",
    }  # fmt: skip
    assert front.whole(None) == front.whole([]) == {
        "stageVariables": None, "isBase64Encoded": False, "headers": {}, "multiValueHeaders": {},
        "requestContext": {"resourcePath": "None", "httpMethod": "None"}, "multiValueQueryStringParameters": {},
        "pathParameters": {}, "body": None,
    }  # fmt: skip


def test_a_log_line_names_a_short_method_and_route(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    answer = world.call("M" * 20, "/" + "r" * 200)
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (answer.status, line["method"], line["route"], line["status"]) == (404, "M" * 10, "/" + "r" * 99, 404)
    assert line["Requests"] == line["Status4xx"] == 1


def test_a_path_without_its_parameter_is_not_found(world: World) -> None:
    raw = event("GET", "/runs/{run_id}", {}, {}, {"Authorization": f"Bearer {world.token}"}, None)
    answer = world.send(raw)
    problem = {"type": "urn:invoke-once:not-found", "title": "There is nothing here", "status": 404}
    assert (answer.status, answer.json) == (404, problem)


def test_who_reads_with_a_link_is_noted_as_such(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = world.post().json["id"]
    token = world.call("POST", "/runs/{run_id}/links", run_id=run_id).json["token"]
    capsys.readouterr()
    world.get(run_id, token=token)
    line = json.loads(capsys.readouterr().out)
    assert (line["by"], line["run_id"], "tenant" in line) == ("link", run_id, False)


def test_a_body_is_what_the_gateway_says_it_is_and_has_at_most_four_mebibytes(world: World) -> None:
    limit = 4 * 1024 * 1024
    text = b'{"function":"echo","input":"'
    whole = text + b"x" * (limit - len(text) - 2) + b'"}'
    assert len(whole) == limit and world.post_raw(whole).status == 202
    large = world.post_raw(whole[:-2] + b'x"}')
    assert is_refused(large, {
        "type": "urn:invoke-once:too-large", "title": "The request is too large", "status": 413,
        "detail": "A body has at most 4194304 bytes.",
    })  # fmt: skip
    sent = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    raw = event("POST", "/runs", {}, {}, sent, b"{}")  # type: ignore[arg-type]
    for odd in ("e30", "e30=!", "é"):
        refused = world.send(raw | {"body": odd})
        assert is_refused(refused, {
            "type": "urn:invoke-once:invalid-body", "title": "The body cannot be read", "status": 400,
            "detail": "The body is not what the gateway said it is.",
        })  # fmt: skip
    direct = world.send(raw | {"body": '{"function":"echo"}', "isBase64Encoded": False})
    assert direct.status == 202
    assert base64.b64decode("e30=") == b"{}"


def test_a_link_s_address_is_as_the_caller_reached_the_service(world: World) -> None:
    run_id = world.post().json["id"]

    def url(local: bool, api: str | None, headers: dict[str, str | list[str]]) -> str:
        settings = structs.replace(world.service.settings, local=local)
        world.backend = structs.replace(world.backend, service=structs.replace(world.service, settings=settings))
        sent = {"Authorization": f"Bearer {world.token}", **headers}
        raw = event("POST", "/runs/{run_id}/links", {"run_id": run_id}, {}, sent, None)
        raw["requestContext"]["apiId"] = api
        return str(world.send(raw).json["url"]).partition("/#/")[0]

    assert url(True, None, {}) == "http://localhost/api"
    assert url(False, "abc", {"Host": "x.example"}) == "https://x.example/api"
    assert url(True, "abc", {"Host": ["x", "h:1"]}) == "http://h:1/restapis/abc/api/_user_request_"
    assert url(False, None, {"X-Forwarded-Proto": ["https", "http"], "Host": "h"}) == "http://h/api"


def test_what_a_query_or_a_body_has_wrong_is_told_in_words() -> None:
    query = {"limit": ["7"], "label": ["a:b,c", "d:e"], "status": ["failed,queued", "expired"], "key": ["k"]}
    given = schemas.read_query(query, ListQuery)
    assert (given.limit, given.label, given.key) == (7, ["a:b,c", "d:e"], "k")
    assert [str(status) for status in given.status] == ["failed", "queued", "expired"]
    for wrong, detail in (
        ({"key": ["a", "b"]}, "Give key once."), ({"key": []}, "Give key once."),
        ({"limit": ["0"]}, "limit: Expected int >= 1."), ({"limit": ["1" * 10]}, "limit: Expected int, got str."),
        ({"status": ["nope"]}, "status/0: Not one of the values it may have."),
    ):  # fmt: skip
        with pytest.raises(InvalidParameter) as refused:
            schemas.read_query(wrong, ListQuery)
        assert refused.value.detail == detail
    unknown = "Object contains unknown field"
    for body, pointer, detail in (
        ({"expires_in_seconds": "1"}, "/expires_in_seconds", "Expected int, got str"),
        ({"expires_in_seconds": 1.5}, "/expires_in_seconds", "Expected int, got float"),
        ({"scopes": ["admin", 7]}, "/scopes/1", "Expected str, got int"), ({"x/y~": 1}, "/x~1y~0", unknown),
        ({"n" * 400: 1}, "/" + "n" * 199, unknown), ([], "", "Expected object, got array"),
        ({"scopes": ["root"]}, "/scopes/0", "Not one of the values it may have"),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest) as of_body:
            schemas.read(body, schemas.TokenRequest)
        assert of_body.value.errors == ((pointer, detail),) and of_body.value.detail == f"{detail}."
    assert schemas.read({"expires_in_seconds": 3.0}, schemas.TokenRequest).expires_in_seconds == 3


def test_a_page_of_runs_ends_at_its_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = seed(world, 3)[::-1]
    size = len(json.dumps(world.call("GET", "/runs").json["runs"][0], separators=(",", ":")))
    for most, shown in ((2 * size, 2), (2 * size + 1, 3), (2 * size - 1, 2), (size, 1)):
        monkeypatch.setattr(listing, "MAX_PAGE_BYTES", most)
        page = world.call("GET", "/runs").json
        assert [run["id"] for run in page["runs"]] == ids[:shown]
        assert (page["next_cursor"] is None) is (shown == 3)


def test_runs_of_a_key_come_newest_first_and_another_tenant_s_batch_has_none(world: World) -> None:
    made = []
    for name in ("echo", "fail"):
        made.append(world.post({"function": name}, headers={"Idempotency-Key": "same"}).json["id"])
        world.clock.step(5)
    found = world.call("GET", "/runs", query={"key": "same"}).json["runs"]
    assert [run["id"] for run in found] == made[::-1] and found[0]["links"]["self"] == f"runs/{made[1]}"
    body = {"function": "echo", "items": [{}]}
    batch = world.call("POST", "/batches", json_body=body, headers={"Idempotency-Key": "b"}).json["id"]
    for query in ({"batch": batch}, {"batch": "batch_x"}):
        none = world.call("GET", "/runs", query=query, token=world.issue("acme"))
        assert (none.status, none.json) == (200, {"runs": [], "next_cursor": None})


def test_a_role_s_path_is_no_part_of_who_it_is() -> None:
    assert iam.who("arn:aws:iam::1:role/a/b") == iam.who("arn:aws:sts::1:assumed-role/b/s") == ("1", "role", "b")
    assert iam.who("arn:aws:iam::1:user/a/b") == ("1", "user", "b") and iam.who("x") == ("", "", "")
    assert iam.who("arn:aws:sts::1:assumed-role/b/s:x") == ("1", "role", "b")
    assert iam.callers("") == iam.callers("[]") == {}


def test_where_a_log_is_searched_from(world: World) -> None:
    head = replace(world.head(world.post().json["id"]), created_at=100_000)
    assert logs._beginning(head, None).search == Search(95_000, 0)
    ended = replace(head, started_at=200_000, finished_at=300_000)
    assert logs._beginning(ended, 3).search == Search(195_000, 305_000) and logs._beginning(ended, 3).attempt == 3
    assert logs._beginning(replace(ended, extra_attempts=1), None).search == Search(95_000, 305_000)
    assert logs._beginning(replace(head, created_at=4_000), None).search.since_ms == 0


def test_an_unknown_file_is_not_found(world: World) -> None:
    assert is_refused(world.call("GET", "/assets/{name}", name="no.js"), not_found("There is no such file."))

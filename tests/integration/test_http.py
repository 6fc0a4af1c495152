"""The HTTP contract on the real stack: what only a gateway, a table and a Lambda can show."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from tests.service import TERMINAL, Service, until


def test_location_and_links_lead_to_the_run_behind_the_gateway_s_prefix(service: Service) -> None:
    answer = service.start("echo", 1)
    here = urljoin(str(answer.request.url), answer.headers["location"])
    run = service.req("GET", here)
    assert run.status_code == 200 and run.json()["id"] == answer.json()["id"]
    done = service.wait(run.json()["id"])
    output = service.req("GET", urljoin(here, done["links"]["output"]))
    assert output.status_code == 200 and output.text == "1"


def test_a_body_reaches_the_service_as_the_bytes_it_was_sent_as(service: Service) -> None:
    def raw(body: bytes) -> httpx.Response:
        return service.req("POST", "/runs", content=body, headers={"Content-Type": "application/json"})

    for body in (b'{"function":"\xff"}', b'\xef\xbb\xbf{"function":"echo"}', '{"function":"echo"}'.encode("utf-16")):
        assert raw(body).status_code == 400, body
    text = '{ "h\u00e9": "\\u00e9\u2028\U0001f600", "n": 12345678901234567890123, "f": 1.10 }'
    run_id = raw(b'{"function":"echo","input":' + text.encode() + b"}").json()["id"]
    assert service.req("GET", f"/runs/{run_id}/input").content == text.encode()
    assert service.wait(run_id)["output"] == json.loads(text)


def test_two_idempotency_keys_in_one_request_are_refused_or_joined_but_never_one_of_them(service: Service) -> None:
    keys = [(b"Idempotency-Key", b"one"), (b"Idempotency-Key", b"two")]
    headers = [
        (b"Authorization", f"Bearer {service.default_token}".encode()),
        (b"Content-Type", b"application/json"),
        *keys,
    ]
    answer = httpx.post(service.url + "/runs", content=b'{"function":"echo"}', headers=headers)
    assert answer.status_code == 400


def test_prefer_wait_is_held_by_a_real_run(service: Service) -> None:
    run_id = service.start("sleep", {"seconds": 2}).json()["id"]
    began = time.monotonic()
    answer = service.req("GET", f"/runs/{run_id}", headers={"Prefer": "wait=20"})
    assert answer.json()["status"] == "succeeded" and answer.headers["preference-applied"] == "wait=20"
    assert time.monotonic() - began < 15
    again = service.req("GET", f"/runs/{run_id}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_a_waiting_poll_hears_of_progress_when_it_knows_the_state(service: Service) -> None:
    run_id = service.start("sleep", {"seconds": 5}).json()["id"]
    seen: list[Any] = []
    etag = ""
    while not seen or seen[-1]["status"] not in TERMINAL:
        headers = {"Prefer": "wait=15"} | ({"If-None-Match": etag} if etag else {})
        answer = service.req("GET", f"/runs/{run_id}", headers=headers if seen else {})
        assert answer.status_code == 200
        etag = answer.headers["etag"]
        seen.append(answer.json())
    assert any(run["status"] == "running" and run["progress"] for run in seen)


def test_a_large_output_is_passed_on_and_a_very_large_one_is_a_link(service: Service) -> None:
    passed = service.wait(service.start("echo", {"__size": 300_000}).json()["id"])
    assert passed["output"] is None
    answer = service.req("GET", f"/runs/{passed['id']}/output")
    assert answer.status_code == 200 and len(answer.json()) == 300_000

    text = secrets.token_hex(900_000)
    linked = service.wait(service.start("echo", text).json()["id"])
    moved = service.req("GET", f"/runs/{linked['id']}/output")
    assert moved.status_code == 303 and moved.content == b""
    assert httpx.get(moved.headers["location"]).json() == text
    assert service.req("GET", f"/runs/{linked['id']}/input").status_code == 303
    listed = service.req("GET", f"/runs/{linked['id']}/output", headers={"Accept": "text/uri-list"})
    assert listed.headers["content-type"] == "text/uri-list" and httpx.get(listed.text.strip()).json() == text


def test_every_wrong_method_is_405_also_through_the_gateway(service: Service) -> None:
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS"):
        answer = service.req(method, "/runs")
        assert answer.status_code == 405 and answer.headers["allow"] == "GET, POST"
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_list_by_label_comes_newest_first_over_pages(service: Service) -> None:
    label = secrets.token_hex(6)
    ids = [service.start("echo", n, labels={"batch": label}).json()["id"] for n in range(7)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = {"label": f"batch:{label}", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = service.req("GET", "/runs", params=query).json()
        assert len(page["runs"]) <= 3
        found += [run["id"] for run in page["runs"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert found == ids[::-1]


def test_failed_runs_and_keys_are_found(service: Service) -> None:
    key = secrets.token_hex(8)
    run_id = service.start("fail", {"message": "x", "times": 9}, key=key).json()["id"]
    service.wait(run_id)

    def failed() -> list[str]:
        return [run["id"] for run in service.req("GET", "/runs?status=failed&function=fail").json()["runs"]]

    until(lambda: run_id in failed())
    assert [run["id"] for run in service.req("GET", "/runs", params={"key": key}).json()["runs"]] == [run_id]


def test_the_log_of_every_attempt_is_found(service: Service) -> None:
    run_id = service.start(
        "fail", {"message": "x", "times": 1}, retry={"max_attempts": 2, "backoff_seconds": 0}
    ).json()["id"]
    assert service.wait(run_id)["attempt"] == 2

    def attempts() -> set[int]:
        return {event["attempt"] for event in service.req("GET", f"/runs/{run_id}/logs").json()["events"]}

    until(lambda: attempts() == {1, 2})
    events = service.req("GET", f"/runs/{run_id}/logs?attempt=2").json()["events"]
    assert {event["attempt"] for event in events} == {2}
    assert json.loads(events[0]["message"])["event"] == "claimed"
    assert json.loads(events[-1]["message"])["event"] == "attempt_ended"


def test_tokens_are_made_used_listed_and_revoked(service: Service) -> None:
    tenant = "t" + secrets.token_hex(4)
    made = service.req("POST", "/tokens", json={"tenant": tenant, "scopes": ["runs:read"]})
    assert made.status_code == 201
    token, token_id = made.json()["token"], made.json()["id"]
    assert service.req("GET", "/runs", token=token).json() == {"runs": [], "next_cursor": None}
    assert service.req("POST", "/runs", token=token, json={"function": "echo"}).status_code == 403
    listed = service.req("GET", f"/tokens?tenant={tenant}").json()["tokens"]
    assert [row["id"] for row in listed] == [token_id] and token.split("_")[2] not in json.dumps(listed)
    assert service.req("DELETE", f"/tokens/{token_id}").status_code == 204
    assert service.req("GET", f"/tokens?tenant={tenant}").json()["tokens"] == []
    until(lambda: service.req("GET", "/runs", token=token).status_code == 401, timeout=65)


def test_another_tenant_sees_nothing_of_a_run(service: Service) -> None:
    key = secrets.token_hex(8)
    run_id = service.start("echo", 1, key=key).json()["id"]
    theirs = service.token("acme")
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/output", f"/runs/{run_id}/logs"):
        answer, unknown = (service.req("GET", p, token=theirs) for p in (path, path.replace(run_id, "run_" + "a" * 26)))
        assert answer.status_code == 404 and answer.content == unknown.content
    assert service.req("GET", "/runs", params={"key": key}, token=theirs).json()["runs"] == []


def test_a_deployed_token_is_stored_as_a_hash_alone(service: Service) -> None:
    items = service.aws("dynamodb").scan(TableName=f"{service.stack}-tokens")["Items"]
    stored = json.dumps(items, default=lambda value: base64.b64encode(value).decode())
    assert items and service.default_token.split("_", 2)[2] not in stored


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs", "/", "/assets/app.js"])
def test_what_needs_no_token_answers_without_one(service: Service, path: str) -> None:
    answer = service.req("GET", path, token="")
    assert answer.status_code in (200, 308), answer.text
    if path == "/healthz":
        assert answer.json()["status"] == "ok"


def test_nothing_secret_is_in_the_api_s_log(service: Service) -> None:
    canary = "canary" + secrets.token_hex(8)
    service.wait(service.start("echo", {"a": canary}, key=canary).json()["id"])
    service.req("GET", "/runs", params={"key": canary})
    logs = service.aws("logs")
    group = f"/aws/lambda/{service.stack}-api"
    until(lambda: logs.filter_log_events(logGroupName=group, filterPattern='"/runs"')["events"])
    for secret in (canary, service.default_token.split("_", 2)[2]):
        assert logs.filter_log_events(logGroupName=group, filterPattern=f'"{secret}"')["events"] == []

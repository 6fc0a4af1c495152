"""The app as somebody tries it who knows Chalice: its test client, its routes, its current request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.test import Client

from app import app
from chalicelib.api.backend import use_backend
from tests.unit.api.world import World


@pytest.fixture
def http(world: World) -> Iterator[Any]:
    with use_backend(world.backend), Client(app) as client:
        yield client.http


def sent(world: World, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json", **more}


def test_its_client_starts_a_run_and_looks_at_it(world: World, http: Any) -> None:
    started = http.post("/runs", headers=sent(world), body=b'{"function":"echo","input":[1]}')
    assert started.status_code == 202 and started.headers["Location"] == f"runs/{started.json_body['id']}"
    assert len(world.targets.fired) == 1
    seen = http.get(f"/runs/{started.json_body['id']}?", headers=sent(world))
    assert seen.json_body["status"] == "queued"
    listed = http.get("/runs?limit=1&status=queued", headers=sent(world))
    assert [run["id"] for run in listed.json_body["runs"]] == [started.json_body["id"]]
    assert http.get(f"/runs/{started.json_body['id']}/input", headers=sent(world)).body == b"[1]"


def test_its_client_gets_the_pages_and_the_document(http: Any) -> None:
    assert http.get("/openapi.json").json_body["openapi"] == "3.1.0"
    assert http.get("/docs").headers["Content-Type"].startswith("text/html")
    assert http.get("/assets/icon.svg").body.startswith(b"<svg")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("POST", "/runs", b"{", 400, "invalid-json"),
        ("POST", "/runs", b'{"function":"echo","input":' + b"[" * 70_000, 400, "invalid-json"),
        ("POST", "/runs", b"{}", 422, "invalid-request"),
        ("PUT", "/runs", b"", 405, "method-not-allowed"),
        ("OPTIONS", "/runs", b"", 405, "method-not-allowed"),
        ("GET", "/runs?limit=x", b"", 400, "invalid-parameter"),
        ("GET", "/runs/x", b"", 404, "not-found"),
    ],
)
def test_its_client_is_refused_with_problems(
    world: World, http: Any, method: str, path: str, body: bytes, status: int, name: str
) -> None:
    answer = http.request(method, path, headers=sent(world), body=body)
    assert answer.status_code == status and answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json_body["type"] == f"urn:invoke-once:{name}"


def test_without_a_token_or_with_another_media_type_too(world: World, http: Any) -> None:
    assert http.post("/runs", headers={"Content-Type": "application/json"}, body=b"{}").status_code == 401
    for odd in ("text/plain", "image/png"):  # the second is one that Chalice hands on in base64
        answer = http.post("/runs", headers=sent(world, **{"Content-Type": odd}), body=b"{}")
        assert answer.status_code == 415, odd


def test_a_mistake_of_ours_is_a_problem_and_its_message_is_in_no_log(
    world: World, http: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("canary-4711")

    world.meanwhile = broken
    run_id = http.post("/runs", headers=sent(world), body=b'{"function":"echo"}').json_body["id"]
    answer = http.get(f"/runs/{run_id}", headers=sent(world, Prefer="wait=1"))
    assert answer.status_code == 500 and answer.json_body["type"] == "urn:invoke-once:internal"
    logged = capsys.readouterr()
    assert "canary" not in logged.out + logged.err
    assert json.loads(logged.out.splitlines()[-1])["cause"].startswith("RuntimeError at ")

"""Pages of other sites: those that the stage names may call all of the API, others nothing (but what a link opens)."""

from __future__ import annotations

import pytest
from msgspec import structs

from chalicelib.api import cors
from tests.unit.api.world import World

APP = "https://app.example.com"
ASKS = {"Origin": APP, "Access-Control-Request-Method": "POST"}


@pytest.fixture
def world(world: World) -> World:
    world.backend = structs.replace(world.backend, origins=frozenset({APP, "http://localhost:5173"}))
    return world


def test_a_site_of_the_stage_may_ask_and_read_every_answer(world: World) -> None:
    may = world.call("OPTIONS", "/runs", headers=ASKS, token=None)
    assert (may.status, may.text) == (204, "")
    assert may.headers["access-control-allow-origin"] == APP
    assert may.headers["access-control-allow-methods"] == "GET, POST"
    assert {"Authorization", "Idempotency-Key"} <= set(may.headers["access-control-allow-headers"].split(", "))
    started = world.post(headers={"Origin": APP})
    refused = world.call("GET", "/runs", headers={"Origin": APP}, token=None)
    unknown = world.call("GET", "/runs/{run_id}", headers={"Origin": APP}, run_id="run_" + "a" * 26)
    assert (started.status, refused.status, unknown.status) == (202, 401, 404)
    for answer in (may, started, refused, unknown):
        assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (APP, "Origin")
        assert "access-control-allow-credentials" not in answer.headers
        readable = set(answer.headers.get("access-control-expose-headers", "").lower().split(", "))
        assert answer is may or {"etag", "location", "retry-after", "www-authenticate"} < readable
        assert answer is may or "x-amzn-remapped-www-authenticate" in readable, "as API Gateway sends it"


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null", "*", ""])
def test_another_site_may_neither_ask_nor_read(world: World, origin: str) -> None:
    asked = world.call("OPTIONS", "/runs", headers=ASKS | {"Origin": origin}, token=None)
    assert asked.status == 405
    for answer in (asked, world.post(headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_no_site_may_unless_the_stage_names_one() -> None:
    assert cors.origins({}) == cors.origins({"ONCE_CORS_ORIGINS": ""}) == frozenset()
    assert cors.origins({"ONCE_CORS_ORIGINS": f"{APP} http://localhost:1"}) == {APP, "http://localhost:1"}

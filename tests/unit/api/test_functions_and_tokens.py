"""Whole answers, written out: of functions and their pauses, of tokens, of webhook secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from invoke_once.life import gates
from tests.unit.api.told import ALL, AN_HOUR, JSON, NOW, is_refused, not_found
from tests.unit.api.world import Answered, World

FUNCTION = {
    "name": "echo", "description": "", "target": "t-echo", "mode": "tracked", "timeout_seconds": 60, "memory_mb": 256,
    "retry": {"max_attempts": 1, "backoff_seconds": 10, "max_backoff_seconds": 600, "jitter": True},
    "on_lost": "retry", "on_timeout": "fail", "max_legs": 100, "max_running": None, "heartbeat_seconds": 0,
    "retention_days": 30, "input_schema": None, "paused": None, "running": None, "waiting": 0,
}  # fmt: skip


def test_functions(world: World) -> None:
    one = world.call("GET", "/functions/{name}", name="echo")
    assert (one.status, one.headers, one.json) == (200, JSON, FUNCTION)
    strict = world.service.functions["strict"].input_schema
    assert strict is not None
    every = world.call("GET", "/functions")
    named = [("echo", {}), ("fail", {}), ("plain", {"mode": "destination"}), ("strict", {"input_schema": dict(strict)})]
    shown = [FUNCTION | {"name": name, "target": f"t-{name}"} | more for name, more in named]
    assert (every.status, every.headers, every.json) == (200, JSON, {"functions": shown})
    assert is_refused(world.call("GET", "/functions/{name}", name="nope"), not_found("There is no such function."))
    limited = structs.replace(world.service.functions["echo"], max_running=7)
    world.backend = structs.replace(world.backend, service=structs.replace(world.service, functions={"echo": limited}))
    told = world.call("GET", "/functions/{name}", name="echo").json
    assert told == FUNCTION | {"max_running": 7, "running": 0}


def test_an_operator_pauses_for_everybody_and_an_administrator_for_its_tenant(world: World) -> None:
    operator = world.token.split("_")[1]
    admin = world.issue("demo", "admin", "runs:write", "runs:read")

    def ask(action: str, token: str, **more: Any) -> Answered:
        return world.call("POST", f"/functions/{{name}}/{action}", name="echo", token=token, **more)

    paused = ask("pause", world.token, json_body={"reason": "an incident"})
    told = {"since": NOW, "by": operator, "reason": "an incident"}
    assert (paused.status, paused.headers, paused.json) == (200, JSON, FUNCTION | {"paused": told})
    other = world.issue("acme", "runs:read", "runs:write")
    assert world.post(token=other).json["waiting_for"] == "paused"
    resumed = ask("resume", world.token)
    assert (resumed.status, resumed.headers, resumed.json["paused"]) == (200, JSON, None)
    fired = [json.loads(payload) for target, payload in world.targets.fired]
    assert gates.pause_id("echo") in str(fired[-1])
    world.clock.step(10_000)
    mine = ask("pause", admin, json_body={})
    assert mine.json["paused"] == {"since": "2027-01-15T08:00:10.000Z", "by": admin.split("_")[1], "reason": ""}
    assert world.post(token=admin).json["waiting_for"] == "paused"
    assert world.post(token=other).json["waiting_for"] == "dispatch"
    assert ask("resume", admin).json["paused"] is None
    for reason, status in (("x" * 500, 200), ("x" * 501, 422)):
        assert ask("pause", admin, json_body={"reason": reason}).status == status
    for action in ("pause", "resume"):
        unknown = world.call("POST", f"/functions/{{name}}/{action}", name="nope", json_body={})
        assert is_refused(unknown, not_found("There is no such function."))


def test_tokens(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    own = world.token.split("_")[1]
    made = world.call("POST", "/tokens", json_body={"expires_in_seconds": 3_600, "scopes": ["runs:read"]})
    token_id = made.json["id"]
    told = {"id": token_id, "tenant": "demo", "scopes": ["runs:read"], "created_at": NOW, "expires_at": AN_HOUR}
    assert (made.status, made.headers) == (201, JSON | {"location": f"tokens/{token_id}"})
    assert made.json == told | {"token": made.json["token"]}
    mine = {"id": own, "tenant": "demo", "scopes": ["runs:read", "runs:write", "admin", "operator"],
            "created_at": NOW, "expires_at": None}  # fmt: skip
    listed = world.call("GET", "/tokens")
    in_order = sorted([mine, told], key=lambda token: str(token["id"]))
    assert (listed.status, listed.headers, listed.json) == (200, JSON, {"tokens": in_order, "next_cursor": None})
    revoked = world.call("DELETE", "/tokens/{token_id}", token_id=token_id)
    assert (revoked.status, revoked.headers, revoked.text) == (204, ALL, "")
    gone = world.call("DELETE", "/tokens/{token_id}", token_id=token_id)
    assert is_refused(gone, not_found("There is no such token."))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("token_made") for line in lines if line["route"] == "/tokens"] == [token_id, None]
    assert [line.get("token_revoked") for line in lines if line["method"] == "DELETE"] == [token_id, None]


def test_webhook_secrets_are_shown_and_it_is_noted_whose(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    shown = world.call("GET", "/webhook-secrets", query={"tenant": "acme"})
    both = [{"secret": "whsec_of_acme"}, {"secret": "whsec_before_of_acme"}]
    assert (shown.status, shown.headers, shown.json) == (200, JSON, {"tenant": "acme", "secrets": both})
    assert json.loads(capsys.readouterr().out)["secrets_shown_of"] == "acme"

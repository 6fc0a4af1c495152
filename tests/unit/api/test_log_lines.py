"""What the API prints: one JSON line a request, and never a token, a secret, a payload or a key of anyone's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoke_once.errors import StoreUnavailable
from tests.unit.api.world import World

CANARY = "canary-4711"


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def test_a_request_is_one_line_with_its_metrics(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = world.post().json["id"]
    capsys.readouterr()
    world.get(run_id)
    (line,) = printed(capsys)
    told = {name: line[name] for name in ("event", "method", "route", "status", "tenant", "run_id")}
    assert told == {
        "event": "request",
        "method": "GET",
        "route": "/runs/{run_id}",
        "status": 200,
        "tenant": "demo",
        "run_id": run_id,
    }
    assert line["request_ms"] >= 0 and line["Requests"] == 1 and line["Status2xx"] == 1
    names = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert names == {"request_ms", "Requests", "Status2xx"}


def test_nothing_that_a_caller_sent_is_printed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    headers = {"Idempotency-Key": CANARY, "Prefer": CANARY, "X-Odd": CANARY, "If-None-Match": CANARY}
    for document in (
        {
            "function": "echo",
            "input": {CANARY: CANARY},
            "labels": {"a": CANARY},
            "callback": {"url": f"https://e.example/?{CANARY}"},
        },
        {"function": CANARY},
        {"function": "echo", CANARY: 1},
        {"function": "strict", "input": CANARY},
        {"function": "echo", "if_failed": CANARY},
    ):
        world.post(document, headers=headers)
        world.post(document, headers=headers)
    run_id = world.post({"function": "echo", "input": CANARY}).json["id"]
    world.deliver(run_id)
    for part in ("", "/input", "/output", "/deliveries"):
        world.get(run_id, part)
    world.get(CANARY)
    world.call("GET", "/runs", query={"key": CANARY, "label": f"a:{CANARY}", CANARY: "1"})
    world.call("GET", "/runs", headers={"Authorization": f"Bearer {CANARY}"})
    made = world.call("POST", "/tokens", json_body={}).json["token"]
    world.call("GET", "/runs", token=made)
    out, err = capsys.readouterr()
    assert CANARY not in out + err
    assert world.token.split("_")[2] not in out + err and made.split("_")[2] not in out + err


def test_a_mistake_of_ours_is_500_with_its_place_in_the_log_and_not_its_message(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise KeyError(CANARY)

    world.bench.table.get = broken  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="may not answer 500"):
        world.get("run_" + "a" * 26)
    (line,) = printed(capsys)
    assert line["status"] == 500 and line["cause"].startswith("KeyError at ") and CANARY not in line["cause"]


def test_a_store_that_does_not_answer_is_503_and_asks_to_come_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise StoreUnavailable("DynamoDB did not answer GetItem: ReadTimeoutError")

    world.bench.table.get = away  # type: ignore[method-assign]
    answer = world.get("run_" + "a" * 26)
    assert answer.status == 503 and answer.headers["retry-after"] and "DynamoDB" not in answer.text
    assert printed(capsys)[0]["cause"].startswith("DynamoDB did not answer")

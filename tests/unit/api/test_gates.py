"""Concurrency keys, and functions that are paused, over HTTP."""

from __future__ import annotations

import pytest

from invoke_once.store.store import Unwritten
from tests.unit.api.world import World

ONE = {"key": "customer-17", "max": 1}


def test_the_second_run_of_a_key_waits_and_says_for_what(world: World) -> None:
    first, second = (world.post({"function": "echo", "concurrency": ONE}).json for _ in range(2))
    assert (first["waiting_for"], second["waiting_for"]) == ("dispatch", "concurrency")
    assert (second["status"], second["next_attempt_at"]) == ("queued", None)


@pytest.mark.parametrize("wrong", [{"key": "", "max": 1}, {"key": "k", "max": 0}, {"key": "k", "max": 1001},
                                   {"key": "k"}, {"key": "k", "max": 1, "more": 1}])  # fmt: skip
def test_a_limit_that_is_none_is_refused_with_its_place(world: World, wrong: object) -> None:
    answer = world.post({"function": "echo", "concurrency": wrong})
    assert answer.status == 422 and answer.json["errors"][0]["pointer"].startswith("/concurrency")


def test_a_key_may_not_come_again_with_another_limit(world: World) -> None:
    keyed = {"Idempotency-Key": '"k"'}
    assert world.post({"function": "echo", "concurrency": ONE}, headers=keyed).status == 202
    assert world.post({"function": "echo"}, headers=keyed).status == 422


def test_a_pause_that_others_change_all_the_time_may_be_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.store), "put_part", lambda _store, _move: Unwritten({}))
    answer = world.call("POST", "/functions/{name}/pause", name="echo", json_body={})
    assert answer.status == 503 and "retry-after" in answer.headers


def test_a_paused_function_says_so_and_its_runs_wait(world: World) -> None:
    answer = world.call("POST", "/functions/{name}/pause", name="echo", json_body={"reason": "an incident"})
    assert answer.status == 200 and answer.json["paused"]["reason"] == "an incident"
    run = world.post({"function": "echo"}).json
    assert run["waiting_for"] == "paused"
    shown = world.call("GET", "/functions/{name}", name="echo").json
    assert (shown["waiting"], shown["running"]) == (1, None)
    resumed = world.call("POST", "/functions/{name}/resume", name="echo").json
    assert resumed["paused"] is None

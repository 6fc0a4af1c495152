"""`GET /runs/{id}/checkpoint`, and where a retry begins, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api.openapi.document import document_text
from invoke_once import current_run, tracked
from tests.unit.api.world import FUNCTIONS, World

LARGE = "".join(str(n * n) for n in range(20_000))
UNKNOWN = "run_" + "a" * 26


def keeps(state: Any, *, then: Exception | None = None, after: float | None = None) -> Any:
    @tracked
    def handler(event: Any, context: Any) -> Any:
        run = current_run()
        run.checkpoint(state)
        if then is not None:
            raise then
        if after is not None:
            run.continue_later(after)

    return handler


def run_that(world: World, handler: Any) -> str:
    run_id = str(world.post().json["id"])
    world.deliver(run_id, handler)
    return run_id


def checkpoint(world: World, run_id: str, **more: Any) -> Any:
    return world.get(run_id, "/checkpoint", **more)


@pytest.mark.parametrize(
    "state",
    [{"b": 1, "a": [1.5, "é\u2028", None]}, None, 0, "", [], False, LARGE[:3_000], LARGE],
    ids=["object", "null", "zero", "empty text", "empty list", "false", "item", "s3"],
)
def test_it_is_the_text_byte_for_byte_wherever_it_is_kept(world: World, state: Any) -> None:
    run_id = run_that(world, keeps(state, then=ValueError("no")))
    answer = checkpoint(world, run_id)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == json.dumps(state, ensure_ascii=False)
    shown = world.get(run_id).json
    assert shown["checkpoint"]["size"] == len(answer.text.encode())
    assert shown["links"]["checkpoint"] == f"{run_id}/checkpoint"
    assert ("state" in shown["checkpoint"]) is (len(answer.text) < 1_000)


def test_a_state_with_half_a_surrogate_pair_is_there_and_the_run_can_be_looked_at(world: World) -> None:
    """No handler of this version keeps one; a worker of another may have."""
    run_id = run_that(world, keeps({"a": 1}, then=ValueError("no")))
    world.bench.table.items[run_id, "head"]["state"] = b'\x00{"a":"\\ud83d"}'
    shown = world.get(run_id)
    assert shown.status == 200 and "state" not in shown.json["checkpoint"]
    assert world.call("GET", "/runs").json["runs"][0]["id"] == run_id
    assert checkpoint(world, run_id).text == '{"a":"\\ud83d"}'


def test_a_run_without_one_is_409_and_says_no_link(world: World) -> None:
    run_id = world.post().json["id"]
    answer = checkpoint(world, run_id)
    assert (answer.status, answer.json["type"]) == (409, "urn:invoke-once:wrong-state")
    assert answer.json["run_status"] == "queued"
    shown = world.get(run_id).json
    assert shown["checkpoint"] is None and "checkpoint" not in shown["links"]


def test_another_tenants_run_is_as_unknown_as_one_that_never_was(world: World) -> None:
    mine = run_that(world, keeps({"secret": 1}, then=ValueError("no")))
    bare = world.post().json["id"]
    other = world.issue("umbrella")
    answers = [checkpoint(world, run_id, token=other) for run_id in (mine, bare, UNKNOWN, "nonsense")]
    assert {(answer.status, answer.text) for answer in answers} == {(404, checkpoint(world, UNKNOWN).text)}


def test_it_takes_the_scope_to_read(world: World) -> None:
    run_id = run_that(world, keeps(1, then=ValueError("no")))
    assert checkpoint(world, run_id, token=world.issue("demo", "runs:write")).status == 403
    assert checkpoint(world, run_id, token=None).status == 401


def test_one_that_is_gone_before_its_run_says_so(world: World) -> None:
    run_id = run_that(world, keeps(LARGE[:3_000], then=ValueError("no")))
    for run, part in list(world.bench.table.items):
        if part.startswith("state#"):
            del world.bench.table.items[run, part]
    assert checkpoint(world, run_id).status == 404


def test_cancelled_between_two_legs_a_run_keeps_its_state(world: World) -> None:
    run_id = run_that(world, keeps({"page": 7}, after=3_600))
    shown = world.get(run_id).json
    assert (shown["status"], shown["leg"], shown["attempt"]) == ("queued", 2, 1)
    cancelled = world.call("POST", "/runs/{run_id}/cancel", run_id=run_id)
    assert (cancelled.status, cancelled.json["status"]) == (202, "cancelled")
    assert checkpoint(world, run_id).json == {"page": 7}
    again = world.call("POST", "/runs/{run_id}/retry", run_id=run_id)
    assert (again.json["status"], again.json["leg"]) == ("queued", 1)
    assert checkpoint(world, run_id).json == {"page": 7}


@pytest.mark.parametrize(
    ("asked", "left"),
    [(None, {"page": 7}), ({}, {"page": 7}), ({"from": "checkpoint"}, {"page": 7}), ({"from": "start"}, None)],
)
def test_a_retry_begins_where_it_is_told(world: World, asked: Any, left: Any) -> None:
    run_id = run_that(world, keeps({"page": 7}, then=ValueError("no")))
    answer = world.call("POST", "/runs/{run_id}/retry", run_id=run_id, json_body=asked)
    assert answer.status == 202
    seen: list[Any] = []

    @tracked
    def looks(event: Any, context: Any) -> None:
        seen.append(current_run().state)

    world.deliver(run_id, looks)
    assert seen == [left]
    assert checkpoint(world, run_id).status == (409 if left is None else 200)


@pytest.mark.parametrize("wrong", ["middle", "", "Start", None, 1, ["start"], {"start": True}])
def test_a_retry_from_anywhere_else_is_refused_and_changes_nothing(world: World, wrong: Any) -> None:
    run_id = run_that(world, keeps({"page": 7}, then=ValueError("no")))
    before, fired = world.head(run_id), len(world.targets.fired)
    answer = world.call("POST", "/runs/{run_id}/retry", run_id=run_id, json_body={"from": wrong})
    assert (answer.status, answer.json["type"]) == (422, "urn:invoke-once:invalid-request")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/from"]
    assert world.head(run_id) == before and len(world.targets.fired) == fired


def test_a_retry_of_another_tenants_run_is_404_whatever_it_asks(world: World) -> None:
    run_id = run_that(world, keeps(1, then=ValueError("no")))
    other = world.issue("umbrella")
    answers = [
        world.call("POST", "/runs/{run_id}/retry", run_id=name, json_body={"from": where}, token=other)
        for name in (run_id, UNKNOWN)
        for where in ("start", "middle")
    ]
    assert {(answer.status, answer.text) for answer in answers} == {(404, answers[0].text)}


def test_the_openapi_document_has_both(world: World) -> None:
    document = json.loads(document_text(world.api, FUNCTIONS)[0])
    shown = document["paths"]["/runs/{run_id}/checkpoint"]["get"]
    assert {"200", "404", "409"} <= set(shown["responses"])
    body = document["paths"]["/runs/{run_id}/retry"]["post"]["requestBody"]
    assert body.get("required") is not True
    schema = body["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert sorted(schema["properties"]["from"]["enum"]) == ["checkpoint", "start"]
    assert schema["additionalProperties"] is False and "from" not in schema.get("required", [])

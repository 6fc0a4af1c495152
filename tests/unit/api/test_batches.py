"""Batches over HTTP, on the in-memory store: what is accepted and refused, shown, listed, cancelled, sent again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.batches import attend, spread
from chalicelib.service import use_service
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from tests.unit.api.world import Answered, World


def post(world: World, body: Any, key: str | None = "k", **more: Any) -> Answered:
    headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
    return world.call("POST", "/batches", json_body=body, headers=headers, **more)


def items(count: int) -> list[Any]:
    return [{"input": {"i": n}} for n in range(count)]


def do(world: World, batch_id: str, fail: frozenset[int] = frozenset()) -> None:
    """All that workers and functions do for a batch, until it rests."""
    from invoke_once.life import moves

    svc = world.service
    with use_service(svc):
        for _ in range(6):
            spread.work(svc, batch_id, threads=1)
            for item in list(world.bench.table.items.values()):
                if item.get("batch") == batch_id and item.get("status") == "queued":
                    claimed = svc.store.apply(moves.claim(item["run_id"], item["generation"], svc.now_ms(), 1000)).head
                    assert claimed is not None
                    failed = claimed.batch_index in fail and claimed.attempt == 1
                    text = svc.payloads.input(claimed)
                    fields = {"error": b"\x00{}"} if failed else svc.payloads.keep_output(claimed, text)
                    status = Status.FAILED if failed else Status.SUCCEEDED
                    svc.store.apply(moves.finish(moves.fence(claimed), claimed, status, svc.now_ms(), fields, "t"))
            world.bench.clock.step(2_000)
            attend.attend(svc, batch_id, lambda *_: None, threads=1)


def show(world: World, batch_id: str, path: str = "", **query: Any) -> Answered:
    return world.call("GET", "/batches/{batch_id}" + path, batch_id=batch_id, query=query)


def test_a_batch_is_accepted_and_a_repeat_is_the_same_one(world: World) -> None:
    first = post(world, {"function": "echo", "items": items(3), "labels": {"night": "1"}})
    assert first.status == 202 and first.headers["location"] == f"batches/{first.json['id']}"
    assert first.json["counts"]["total"] == first.json["counts"]["waiting"] == 3
    again = post(
        world, {"function": "echo", "items": [{"input": {"i": n}} for n in range(3)], "labels": {"night": "1"}}
    )
    assert again.json["id"] == first.json["id"] and again.headers["idempotent-replayed"] == "true"
    other = post(world, {"function": "echo", "items": items(2), "labels": {"night": "1"}})
    assert other.status == 422 and other.json["type"].endswith("idempotency-key-reused")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"items": []}, "/items"),
        ({"items": [{}], "x": 1}, "/x"),
        ({"items": [{"input": 1}, {"inputt": 2}]}, "/items/1/inputt"),
        ({"items": [{"key": "a"}, {"key": "b"}, {"key": "a"}]}, "/items/2/key"),
        ({"items": [{}, {"labels": {"a": 1}}]}, "/items/1/labels"),
        ({"items": [{}, 7]}, "/items/1"),
        ({"items": [{}], "max_running": 0}, "/max_running"),
        ({"items": [{}] * 10_001}, "/items"),
        ({"items": [{}], "callback": {"url": "ftp://x"}}, "/callback/url"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_begun(world: World, wrong: Any, pointer: str) -> None:
    before = dict(world.bench.table.items)
    answer = post(world, {"function": "echo", **wrong})
    assert answer.status == 422, answer.text
    assert answer.json["errors"][0]["pointer"] == pointer
    assert world.bench.table.items == before


def test_an_input_that_the_function_does_not_take_is_told_with_its_place(world: World) -> None:
    answer = post(world, {"function": "strict", "items": [{"input": {"n": 1}}, {"input": {"n": "x"}}]})
    assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/items/1/input/n"


def test_no_wait_before_another_attempt_is_a_wait_that_was_asked_for(world: World) -> None:
    """Zero seconds are not the function's own wait."""
    retry = {"max_attempts": 2, "backoff_seconds": 0, "max_backoff_seconds": 0}
    one = {"items": items(1), "function": "echo"}
    batch_id = post(world, {**one, "retry": retry}).json["id"]
    spread.work(world.service, batch_id, threads=1)
    (run,) = [Head.from_item(item) for item in world.bench.table.items.values() if item.get("batch") == batch_id]
    assert (run.max_attempts, run.backoff_ms, run.max_backoff_ms) == (2, 0, 0)
    assert post(world, one).status == 422  # its key was used with another request
    assert post(world, {**one, "retry": retry, "delay_seconds": 0}).headers["idempotent-replayed"] == "true"


def test_an_unknown_function_or_batch_is_404(world: World) -> None:
    assert post(world, {"function": "nope", "items": items(1)}).status == 404
    assert show(world, "batch_" + "a" * 26).status == 404
    mine = post(world, {"function": "echo", "items": items(1)}).json["id"]
    other = world.issue("other", "runs:read")
    assert world.call("GET", "/batches/{batch_id}", batch_id=mine, token=other).status == 404


def test_results_are_in_order_and_runs_carry_their_place(world: World) -> None:
    batch_id = post(world, {"function": "echo", "items": items(130)}).json["id"]
    do(world, batch_id)
    batch = show(world, batch_id)
    assert batch.json["status"] == "succeeded" and batch.json["counts"]["succeeded"] == 130
    first = show(world, batch_id, "/results")
    second = show(world, batch_id, "/results", cursor=first.json["next_cursor"])
    found = [*first.json["results"], *second.json["results"]]
    assert [result["output"] for result in found] == [{"i": n} for n in range(130)]
    run = world.call("GET", "/runs/{run_id}", run_id=found[7]["run_id"]).json
    assert run["batch"] == {"id": batch_id, "index": 7}
    listed = world.call("GET", "/runs", query={"batch": batch_id, "limit": "3"}).json["runs"]
    assert [one["batch"]["index"] for one in listed] == [0, 1, 2]


def test_the_failed_are_listed_and_sent_again(world: World) -> None:
    batch_id = post(world, {"function": "echo", "items": items(20)}).json["id"]
    do(world, batch_id, frozenset({3, 17}))
    assert show(world, batch_id).json["status"] == "failed"
    failed = show(world, batch_id, "/runs", status="failed").json["runs"]
    assert [run["batch"]["index"] for run in failed] == [3, 17]
    again = world.call("POST", "/batches/{batch_id}/retry", batch_id=batch_id)
    assert again.status == 202 and again.json["status"] == "running"
    refused = world.call("POST", "/runs/{run_id}/retry", run_id=failed[0]["id"])
    assert refused.status == 409
    do(world, batch_id)
    assert show(world, batch_id).json["counts"]["succeeded"] == 20
    assert world.call("POST", "/batches/{batch_id}/retry", batch_id=batch_id).json["batch_status"] == "succeeded"


def test_a_batch_whose_items_are_gone_says_so_and_stays_as_it_ended(world: World) -> None:
    batch_id = post(world, {"function": "echo", "items": items(2)}).json["id"]
    do(world, batch_id, frozenset({1}))
    world.bench.payloads.objects.objects.clear()  # type: ignore[attr-defined]
    answer = world.call("POST", "/batches/{batch_id}/retry", batch_id=batch_id)
    assert (answer.status, answer.json["detail"]) == (404, "Its items are not kept any more.")
    assert show(world, batch_id).json["status"] == "failed"


def test_cancel_ends_what_never_began(world: World) -> None:
    batch_id = post(world, {"function": "echo", "items": items(12), "max_running": 3}).json["id"]
    assert world.call("POST", "/batches/{batch_id}/cancel", batch_id=batch_id).status == 202
    do(world, batch_id)
    batch = show(world, batch_id).json
    assert (batch["status"], batch["counts"]["cancelled"]) == ("cancelled", 12)
    assert f"once_{batch['cancelled_by']}_" in world.token
    runs = world.call("GET", "/batches/{batch_id}/runs", batch_id=batch_id).json["runs"]
    assert {run["cancelled_by"] for run in runs} == {batch["cancelled_by"]}
    assert world.call("POST", "/batches/{batch_id}/cancel", batch_id=batch_id).status == 409


def test_batches_are_listed_newest_first_page_by_page(world: World) -> None:
    made = []
    for n in range(3):
        made.append(post(world, {"function": "echo", "items": items(1)}, key=f"k{n}").json["id"])
        world.bench.clock.step(10)
    first = world.call("GET", "/batches", query={"limit": "2"}).json
    second = world.call("GET", "/batches", query={"limit": "2", "cursor": first["next_cursor"]}).json
    assert [b["id"] for b in [*first["batches"], *second["batches"]]] == made[::-1]
    assert second["next_cursor"] is None
    assert world.call("GET", "/runs").json["runs"] == []


def test_an_unchanged_batch_is_304_and_a_replay_after_its_end_is_200(world: World) -> None:
    body = {"function": "echo", "items": items(2)}
    batch_id = post(world, body).json["id"]
    etag = show(world, batch_id).headers["etag"]
    assert world.call("GET", "/batches/{batch_id}", batch_id=batch_id, headers={"If-None-Match": etag}).status == 304
    do(world, batch_id)
    assert post(world, body).status == 200
    assert "retry-after" not in show(world, batch_id).headers


def test_the_callback_s_log_and_sending_it_again(world: World) -> None:
    body = {"function": "echo", "items": items(1), "callback": {"url": "https://example.com/"}}
    batch_id = post(world, body).json["id"]
    assert show(world, batch_id).json["links"]["deliveries"] == f"{batch_id}/deliveries"
    assert show(world, batch_id, "/deliveries").json == {"deliveries": []}
    assert world.call("POST", "/batches/{batch_id}/deliveries", batch_id=batch_id).status == 409
    do(world, batch_id)
    assert world.call("POST", "/batches/{batch_id}/deliveries", batch_id=batch_id).status == 202


def test_inputs_are_kept_byte_for_byte(world: World) -> None:
    text = '{"function": "echo", "items": [{"input": {"b" : 1.50, "a":"\\u00e9"}}]}'
    answer = world.call("POST", "/batches", body=text.encode(), headers={"Content-Type": "application/json"})
    batch_id = answer.json["id"]
    spread.work(world.service, batch_id, threads=1)
    (run,) = [i for i in world.bench.table.items.values() if i.get("batch") == batch_id]
    assert json.dumps(run["input"][1:].decode()) == json.dumps('{"b" : 1.50, "a":"\\u00e9"}')

"""Whole answers, written out: the status, every header and the body of each operation on a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.api import batch_calls
from chalicelib.runs.limits import Limits, OverLimit
from tests.unit.api.test_batches import do, items, post, show
from tests.unit.api.told import ALL, JSON, NOW, after_reading, is_refused, not_found, wrong_state
from tests.unit.api.world import FUNCTIONS, Answered, World

BATCH = "batch_6ssbvinu4f4mp5dpjpezkeivlm"  # of tenant demo, function echo, key "k"
NONE = {"total": 2, "waiting": 2, "running": 0, "succeeded": 0, "failed": 0, "timed_out": 0, "cancelled": 0,
        "expired": 0}  # fmt: skip
HOOK = {"url": "https://e.example/", "status": "pending", "attempts": 0}


def document(base: str, **changed: Any) -> dict[str, Any]:
    """Of a batch of two items that was just accepted."""
    here, parts = base + BATCH, ["runs", "results", "cancel", "retry"]
    parts += ["deliveries"] if changed.get("callback") else []
    return {
        "id": BATCH, "function": "echo", "status": "running", "idempotency_key": "k", "counts": NONE, "labels": {},
        "max_running": None, "cancel_requested": False, "cancelled_by": None, "created_at": NOW, "finished_at": None,
        "expires_at": "2027-04-15T08:00:00.000Z", "callback": None,
        "links": {"self": here} | {part: f"{here}/{part}" for part in parts},
    } | changed  # fmt: skip


def act(world: World, action: str, **more: Any) -> Answered:
    return world.call("POST", f"/batches/{{batch_id}}/{action}", batch_id=BATCH, **more)


def invalid(detail: str, *errors: tuple[str, str]) -> dict[str, Any]:
    told = [{"pointer": pointer, "detail": what} for pointer, what in errors]
    return {"type": "urn:invoke-once:invalid-request", "title": "The request is not valid", "status": 422,
            "detail": detail, "errors": told}  # fmt: skip


def noted(capsys: pytest.CaptureFixture[str]) -> list[str | None]:
    """Which batch each request's log line names."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line.get("batch") for line in lines if line["event"] == "request"]


def test_a_start_and_a_look(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    body = {"function": "echo", "items": items(2)}
    started = post(world, body)
    etag = started.headers["etag"]
    polled = JSON | {"etag": etag, "retry-after": "1"}
    assert (started.status, started.headers) == (202, polled | {"location": f"batches/{BATCH}"})
    assert started.json == document("batches/")
    replayed = polled | {"location": f"batches/{BATCH}", "idempotent-replayed": "true"}
    again = world.call(
        "POST",
        "/batches",
        json_body=body,
        headers={"Idempotency-Key": '"k"', "If-None-Match": etag, "Prefer": "wait=2"},
    )
    assert (again.status, again.headers) == (202, replayed | {"preference-applied": "wait=2"})
    assert again.text == started.text and sum(world.slept) == pytest.approx(2)
    seen = show(world, BATCH)
    assert (seen.status, seen.headers, seen.json) == (200, polled, document(""))
    known = world.call("GET", "/batches/{batch_id}", batch_id=BATCH, headers={"If-None-Match": etag})
    assert (known.status, known.headers, known.text) == (304, ALL | {"etag": etag, "retry-after": "1"}, "")
    assert noted(capsys) == [BATCH] * 4
    do(world, BATCH)
    ended = post(world, body)
    assert (ended.status, ended.json["status"]) == (200, "succeeded")
    assert ended.headers == JSON | {
        "etag": show(world, BATCH).headers["etag"], "location": f"batches/{BATCH}", "idempotent-replayed": "true",
    }  # fmt: skip


def test_every_option_reaches_the_batch_and_its_runs(world: World) -> None:
    whole = {
        "function": "echo", "items": [{"input": 1, "key": "a", "labels": {"x": "1"}}, {"input": 2}],
        "labels": {"n": "1"}, "callback": {"url": "https://e.example/"}, "max_running": 1,
        "retry": {"max_attempts": 2, "backoff_seconds": 3, "max_backoff_seconds": 40}, "delay_seconds": 5,
        "queue_timeout_seconds": 60,
    }  # fmt: skip
    shown = post(world, whole).json
    assert shown == document("batches/", labels={"n": "1"}, max_running=1, callback=HOOK)
    kept = json.loads(world.bench.table.items[BATCH, "batch"]["options"])
    assert kept == {
        "max_attempts": 2, "backoff_ms": 3_000, "max_backoff_ms": 40_000, "delay_ms": 5_000, "queue_ms": 60_000,
    }  # fmt: skip
    reused = {
        "type": "urn:invoke-once:idempotency-key-reused", "status": 422,
        "title": "The Idempotency-Key was used with another request",
        "detail": "The key was used before with another function, items or options.",
    }  # fmt: skip
    for name, other in (
        ("items", [{"input": 1, "key": "b", "labels": {"x": "1"}}, {"input": 2}]),
        ("items", [{"input": 1, "key": "a"}, {"input": 2}]), ("items", [{"input": 1}, {"input": 3}]),
        ("labels", {}), ("callback", {"url": "https://e.example/2"}), ("max_running", 2), ("delay_seconds", 6),
        ("queue_timeout_seconds", 61), ("retry", {"max_attempts": 3}),
    ):  # fmt: skip
        assert is_refused(post(world, whole | {name: other}), reused), (name, other)
    assert post(world, whole).headers["idempotent-replayed"] == "true"


def test_a_batch_that_failed_runs_again_where_its_start_asks_for_it(world: World) -> None:
    body = {"function": "echo", "items": items(2)}
    post(world, body)
    do(world, BATCH, frozenset({1}))
    given_back, again = post(world, body), post(world, body | {"if_failed": "rerun"})
    assert (given_back.status, given_back.json["status"]) == (200, "failed")
    assert (again.status, again.json["status"]) == (202, "running")


def test_a_start_is_held_until_the_batch_has_ended(world: World) -> None:
    world.meanwhile = lambda: do(world, BATCH)
    body = {"function": "echo", "items": items(1)}
    answer = world.call("POST", "/batches", json_body=body, headers={"Idempotency-Key": "k", "Prefer": "wait=20"})
    assert (answer.status, answer.json["status"], len(world.slept)) == (200, "succeeded", 1)
    assert answer.headers["preference-applied"] == "wait=20"


def test_a_start_over_the_tenant_s_limit_is_refused_and_a_repeat_is_not(world: World) -> None:
    body = {"function": "echo", "items": items(1)}
    post(world, body)

    class Full(Limits):
        def start(self, *_args: object, **_more: object) -> None:
            raise OverLimit("This tenant has too many runs in flight.", 5)

    world.backend = structs.replace(world.backend, limits=Full())
    assert post(world, body).status == 202
    over = post(world, body, key="another")
    assert (over.status, over.headers["retry-after"]) == (429, "5")


def test_what_is_wrong_of_items_is_told_item_by_item(world: World) -> None:
    wrong = [{"input": {"n": 1}, "key": "a"}, {"input": {"n": "x"}}, {"input": {"n": 2}, "key": "a"}]
    assert is_refused(
        post(world, {"function": "strict", "items": wrong}),
        invalid(
            "An item is not valid; nothing was begun.",
            ("/items/1/input/n", "input must be integer"),
            ("/items/2/key", "item 0 has it already"),
        ),
    )
    for count, told in ((19, 19), (20, 20), (21, 20)):
        many = post(world, {"function": "strict", "items": [{"input": {}}] * count}, key=f"n{count}")
        assert len(many.json["errors"]) == told
    limit = batch_calls.input_limit(FUNCTIONS["plain"])
    text = "x" * (limit - len('{"t": ""}'))
    assert post(world, {"function": "plain", "items": [{"input": {"t": text}}]}, key="just").status == 202
    refused = post(world, {"function": "plain", "items": [{"input": {"t": f"{text}x"}}]}, key="over")
    too_long = ("/items/0/input", f"the limit of this function is {limit} bytes")
    assert is_refused(refused, invalid("An item is not valid; nothing was begun.", too_long))
    unknown = ("/items/1/inputt", "Object contains unknown field")
    typo = post(world, {"function": "echo", "items": [{"input": 1}, {"inputt": 2}]})
    assert is_refused(typo, invalid("Object contains unknown field.", unknown))
    elsewhere = post(world, {"function": "echo", "items": [{"input": 1}], "itemz": 2})
    assert is_refused(elsewhere, invalid("Object contains unknown field.", ("/itemz", "Object contains unknown field")))
    assert post(world, ["not", "an", "object"]).json["errors"][0]["pointer"] == ""
    assert post(world, {"function": "echo", "items": {"input": 1}}).json["errors"][0]["pointer"] == "/items"
    assert is_refused(post(world, {"function": "nope", "items": items(1)}), not_found("There is no such function."))


def test_moves_of_a_batch(world: World) -> None:
    body = {"function": "echo", "items": items(2), "callback": {"url": "https://e.example/"}}
    post(world, body)
    running = {"batch_status": "running"}
    not_yet = wrong_state("Only a batch that ended without success can run again.", **running)
    assert is_refused(act(world, "retry"), not_yet)
    assert is_refused(act(world, "deliveries"), wrong_state("The batch has not ended.", **running))
    known = {"If-None-Match": show(world, BATCH).headers["etag"]}
    asked = act(world, "cancel", headers=known)
    by = world.token.split("_")[1]
    assert (asked.status, asked.json) == (
        202, document("../", callback=HOOK, cancel_requested=True, cancelled_by=by),
    )  # fmt: skip
    assert asked.headers == JSON | {"etag": show(world, BATCH).headers["etag"], "retry-after": "1"}
    do(world, BATCH)
    cancelled = {"batch_status": "cancelled"}
    too_late = wrong_state("It has ended: there is nothing to cancel.", **cancelled)
    assert is_refused(act(world, "cancel"), too_late)
    sent = act(world, "deliveries")
    assert (sent.status, sent.json["status"], sent.json["links"]["self"]) == (202, "cancelled", f"../{BATCH}")
    assert sent.headers == JSON | {"etag": show(world, BATCH).headers["etag"]}
    again = act(world, "retry")
    assert (again.status, again.json["status"]) == (202, "running")


def test_a_batch_without_a_callback_has_none_to_send(world: World) -> None:
    post(world, {"function": "echo", "items": items(1)})
    assert is_refused(act(world, "deliveries"), wrong_state("The batch has no callback.", batch_status="running"))


def test_what_others_do_between_the_look_and_the_move_is_told(world: World) -> None:
    """A callback that is being sent; a batch that ended, or is gone."""
    post(world, {"function": "echo", "items": items(1), "callback": {"url": "https://e.example/"}})
    batch = world.bench.table.items[BATCH, "batch"]
    with after_reading(world, lambda: batch.update({"status": "succeeded", "due_at": 1})):
        ended = act(world, "cancel")
    assert is_refused(ended, wrong_state("It has ended: there is nothing to cancel.", batch_status="succeeded"))
    with after_reading(world, lambda: batch.update({"cb_attempt": 7})):
        sending = act(world, "deliveries")
    assert is_refused(sending, wrong_state("The callback is being sent.", batch_status="succeeded"))
    batch["status"] = "running"
    with after_reading(world, lambda: world.bench.table.items.pop((BATCH, "batch"), None)):
        gone = act(world, "cancel")
    assert is_refused(gone, wrong_state("It has ended: there is nothing to cancel.", batch_status="running"))
    world.bench.table.items[BATCH, "batch"] = batch
    with after_reading(world, lambda: world.bench.table.items.pop((BATCH, "batch"), None)):
        gone = act(world, "deliveries")
    assert is_refused(gone, wrong_state("The batch has not ended.", batch_status="running"))


def test_lists_of_batches_runs_and_results(world: World) -> None:
    post(world, {"function": "echo", "items": items(2)})
    listed = world.call("GET", "/batches")
    assert (listed.status, listed.headers) == (200, JSON)
    assert listed.json == {"batches": [document("batches/")], "next_cursor": None}
    none = world.call("GET", "/batches", token=world.issue("acme"))
    assert none.json == {"batches": [], "next_cursor": None}
    assert show(world, BATCH, "/runs").json == {"runs": [], "next_cursor": None}
    waiting = show(world, BATCH, "/results")
    ids = [one["run_id"] for one in waiting.json["results"]]
    begun = {"status": "scheduled", "error": None}
    assert waiting.json == {
        "results": [{"index": n, "run_id": ids[n], **begun} for n in range(2)], "next_cursor": None,
    }  # fmt: skip
    do(world, BATCH, frozenset({1}))
    assert world.head(ids[1]).batch_index == 1
    results = show(world, BATCH, "/results")
    done = {"index": 0, "run_id": ids[0], "status": "succeeded", "error": None, "output": {"i": 0}}
    assert (results.status, results.headers) == (200, JSON)
    assert results.json["results"][0] == done and results.json["results"][1]["status"] == "failed"
    runs = show(world, BATCH, "/runs")
    assert (runs.status, runs.headers) == (200, JSON)
    told = [(run["id"], run["links"]["self"], run["status"]) for run in runs.json["runs"]]
    assert told == [(ids[0], f"../../runs/{ids[0]}", "succeeded"), (ids[1], f"../../runs/{ids[1]}", "failed")]
    one = show(world, BATCH, "/runs", status="failed").json
    assert [run["id"] for run in one["runs"]] == [ids[1]] and one["next_cursor"] is None
    first = show(world, BATCH, "/runs", limit="1").json
    second = show(world, BATCH, "/runs", limit="1", cursor=first["next_cursor"]).json
    assert [run["id"] for run in first["runs"] + second["runs"]] == ids and second["next_cursor"] is None
    large = post(world, {"function": "echo", "items": [{"input": "x" * 20_000}]}, key="large").json["id"]
    do(world, large)
    (result,) = show(world, large, "/results").json["results"]
    assert result["links"] == {"output": f"../../runs/{result['run_id']}/output"}
    for path in ("", "/runs", "/results", "/deliveries"):
        for wrong in ("batch_" + "a" * 26, "batch_x", "run_" + "a" * 26):
            assert is_refused(show(world, wrong, path), not_found("There is no such batch."))


def test_a_batch_is_held_until_its_state_differs(world: World) -> None:
    post(world, {"function": "echo", "items": items(2)})
    etag = show(world, BATCH).headers["etag"]
    held = world.call("GET", "/batches/{batch_id}", batch_id=BATCH, headers={"Prefer": "wait=2", "If-None-Match": etag})
    assert (held.status, sum(world.slept)) == (304, pytest.approx(2))
    world.slept.clear()
    world.meanwhile = lambda: act(world, "cancel") and None
    told = world.call("GET", "/batches/{batch_id}", batch_id=BATCH, headers={"Prefer": "wait=9", "If-None-Match": etag})
    assert (told.status, told.json["cancel_requested"], len(world.slept)) == (200, True, 1)
    world.meanwhile, world.slept = lambda: None, []
    waited = world.call("GET", "/batches/{batch_id}", batch_id=BATCH, headers={"Prefer": "wait=1"})
    assert (waited.status, waited.headers["preference-applied"]) == (200, "wait=1") and sum(world.slept) >= 1

"""Links to one batch: what they show, how long, to whom; and where a batch may be told."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec import structs

from tests.unit.api.test_batches import do, items, post
from tests.unit.api.world import Answered, World

SITE = {"Origin": "https://elsewhere.example"}
BODY = {
    "function": "echo", "items": items(3), "labels": {"customer": "17"}, "max_running": 2,
    "callback": {"url": "https://hook.example/?key=s3cret"},
}  # fmt: skip


def linked(world: World, key: str = "order-17", **asked: Any) -> tuple[str, str]:
    """A batch that has ended, with everything that a link does not show, and a link's token."""
    batch_id = post(world, BODY, key).json["id"]
    do(world, batch_id)
    return batch_id, link(world, batch_id, asked).json["token"]


def link(world: World, batch_id: str, asked: Any, token: str = "") -> Answered:
    return world.call("POST", "/batches/{batch_id}/links", batch_id=batch_id, json_body=asked, token=token)


def read(world: World, batch_id: str, token: str, part: str = "", **more: Any) -> Answered:
    return world.call("GET", "/batches/{batch_id}" + part, batch_id=batch_id, token=token, **more)


def test_it_is_made_by_who_may_write_and_costs_one_read(world: World) -> None:
    batch_id, _ = linked(world)
    world.engine.calls.clear()
    answer = link(world, batch_id, {"expires_in_seconds": 60})
    assert answer.status == 201 and len(world.engine.calls) == 1 and "get" in world.engine.calls[0]
    token = answer.json["token"]
    assert token.startswith("oncelink_") and answer.json["url"].endswith(f"/#/batches/{batch_id}?link={token}")
    assert link(world, batch_id, {}, world.issue("demo", "runs:read")).status == 403
    assert link(world, batch_id, {}, world.issue("acme")).status == 404
    for wrong in ({"expires_in_seconds": 0}, {"expires_in_seconds": 31 * 86_400}, {"for": "ever"}):
        assert link(world, batch_id, wrong).status == 422


def test_it_shows_how_the_batch_went_and_what_came_out(world: World) -> None:
    batch_id, token = linked(world)
    shown = read(world, batch_id, token)
    batch = shown.json
    assert (batch["id"], batch["status"], batch["counts"]["succeeded"]) == (batch_id, "succeeded", 3)
    assert (batch["callback"], batch["labels"], batch["idempotency_key"], batch["max_running"]) == (
        None,
        {},
        None,
        None,
    )
    assert "deliveries" not in batch["links"]
    assert not any(text in shown.text for text in ("s3cret", "customer", "order-17"))
    assert read(world, batch_id, token, headers={"If-None-Match": shown.headers["etag"]}).status == 304
    first = read(world, batch_id, token, "/results", query={"limit": "2"}).json
    rest = read(world, batch_id, token, "/results", query={"cursor": first["next_cursor"]}).json
    assert [one["output"] for one in [*first["results"], *rest["results"]]] == [{"i": n} for n in range(3)]


def test_the_results_of_failed_runs_have_no_trace(world: World) -> None:
    batch_id, token = linked(world)
    (run_id, part), head = next((k, v) for k, v in world.bench.table.items.items() if v.get("batch_index") == 1)
    error = b'\x00{"type":"ValueError","message":"no","trace":"File secret.py"}'
    world.bench.table.items[run_id, part] = head | {"status": "failed", "error": error}
    own = world.call("GET", "/batches/{batch_id}/results", batch_id=batch_id).json["results"][1]["error"]
    assert own == {"type": "ValueError", "message": "no", "trace": "File secret.py"}
    assert read(world, batch_id, token, "/results").json["results"][1]["error"] == own | {"trace": None}


def test_it_ends_with_its_time_and_its_key(world: World) -> None:
    batch_id, token = linked(world, expires_in_seconds=60)
    for part in ("", "/results"):
        assert read(world, batch_id, token, part).status == 200
    world.link_keys = [b"n" * 32, b"l" * 32]  # a young rotation: either key verifies
    assert read(world, batch_id, token).status == 200
    world.link_keys = [b"n" * 32]
    assert read(world, batch_id, token).status == 401
    world.link_keys = [b"l" * 32]
    world.clock.step(60_000)
    for part in ("", "/results"):
        assert read(world, batch_id, token, part).status == 401


def test_it_does_not_open_the_next_batch_of_its_id(world: World) -> None:
    batch_id, token = linked(world)
    world.bench.table.items[batch_id, "batch"]["created_at"] += 1  # as a new batch of the same key has it
    for part in ("", "/results"):
        assert read(world, batch_id, token, part).status == 404


def test_one_that_was_changed_opens_nothing(world: World) -> None:
    batch_id, token = linked(world)
    other, _ = linked(world, "another")
    raw = base64.urlsafe_b64decode(token.removeprefix("oncelink_") + "==")
    for forged in (raw.replace(batch_id.encode(), other.encode()), raw[:-1] + b"0", b"0" + raw[1:]):
        sent = "oncelink_" + base64.urlsafe_b64encode(forged).decode().rstrip("=")
        for each in (batch_id, other):
            for part in ("", "/results"):
                assert sent != token and read(world, each, sent, part).status == 401


@pytest.mark.parametrize("part", ["", "/results"])
def test_other_sites_may_read_what_it_opens(world: World, part: str) -> None:
    batch_id, token = linked(world)
    for bearer, allowed in ((token, "*"), (token[:-4] + "AAAA", "*"), ("", None)):
        answer = read(world, batch_id, bearer, part, headers=SITE)
        assert answer.headers.get("access-control-allow-origin") == allowed
    asked = SITE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    before = world.call("OPTIONS", "/batches/{batch_id}" + part, batch_id=batch_id, token=None, headers=asked)
    assert (before.status, before.headers["access-control-allow-origin"]) == (204, "*")
    closed = world.call("OPTIONS", "/batches/{batch_id}/runs", batch_id=batch_id, token=None, headers=asked)
    assert closed.status == 405 and "access-control-allow-origin" not in closed.headers


def test_a_batch_may_be_waited_for_with_it(world: World) -> None:
    batch_id = post(world, BODY).json["id"]
    token = link(world, batch_id, {}).json["token"]
    world.meanwhile = lambda: do(world, batch_id)
    answer = read(world, batch_id, token, headers={"Prefer": "wait=5"})
    assert (answer.json["status"], answer.headers["preference-applied"]) == ("succeeded", "wait=5")


QUEUE = "arn:aws:sqs:us-east-1:111122223333:results"


def test_a_batch_s_callback_may_be_an_arn_that_the_stage_allows_the_tenant(world: World) -> None:
    allowed = {QUEUE: ("demo",), f"{QUEUE}-2": ("umbrella",)}
    settings = structs.replace(world.service.settings, callback_targets=allowed)
    world.service = structs.replace(world.service, settings=settings)
    world.backend = structs.replace(world.backend, service=world.service)
    before = dict(world.bench.table.items)
    for arn in (f"{QUEUE}-2", f"{QUEUE}-3", "arn:", "arn:aws:lambda:us-east-1:111122223333:function:f"):
        answer = post(world, BODY | {"callback": {"url": arn}})
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/callback/url", arn
        assert world.bench.table.items == before
    told = post(world, BODY | {"callback": {"url": QUEUE}}).json["callback"]
    assert told == {"url": QUEUE, "status": "pending", "attempts": 0}

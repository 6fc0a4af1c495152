"""Whole answers, written out: the status, every header and the body of each operation on a bulk job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.bulk import work
from tests.unit.api.test_bulk import CANCEL, post, show, stop
from tests.unit.api.told import ALL, JSON, NOW, after_reading, is_refused, not_found, wrong_state
from tests.unit.api.world import World

BULK = "bulk_tmkbfxykr3snqugfwveobg552m"  # of tenant demo, key "k"


def document(base: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": BULK, "action": "cancel", "filter": {"function": "echo"}, "dry_run": False, "status": "running",
        "idempotency_key": "k", "matched": 0, "done": 0, "refused": 0, "stop_requested": False, "created_at": NOW,
        "finished_at": None, "expires_at": "2027-04-15T08:00:00.000Z",
        "links": {"self": base + BULK, "stop": f"{base}{BULK}/stop"},
    } | changed  # fmt: skip


def test_a_job_and_its_stop(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    started = post(world, key="k")
    etag = started.headers["etag"]
    polled = JSON | {"etag": etag, "retry-after": "1"}
    assert (started.status, started.headers) == (202, polled | {"location": f"bulk/{BULK}"})
    assert started.json == document("bulk/")
    again = post(world, key="k", headers={"If-None-Match": etag})
    assert (again.status, again.text) == (202, started.text)
    assert again.headers == polled | {"location": f"bulk/{BULK}", "idempotent-replayed": "true"}
    seen = show(world, BULK)
    assert (seen.status, seen.headers, seen.json) == (200, polled, document(""))
    known = show(world, BULK, headers={"If-None-Match": etag})
    assert (known.status, known.headers, known.text) == (304, ALL | {"etag": etag, "retry-after": "1"}, "")
    asked = stop(world, BULK, headers={"If-None-Match": etag})
    assert (asked.status, asked.json) == (202, document("../", stop_requested=True))
    assert asked.headers == JSON | {"etag": show(world, BULK).headers["etag"], "retry-after": "1"}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["bulk"] for line in lines if line["event"] == "request"] == [BULK] * 6
    options = json.loads(world.bench.table.items[BULK, "bulk"]["options"])
    assert options["by"] == world.token.split("_")[1]
    for wrong in ("bulk_" + "a" * 26, "bulk_x", "batch_" + "a" * 26):
        assert is_refused(show(world, wrong), not_found("There is no such bulk job."))


def test_a_start_is_held_until_the_job_has_ended(world: World) -> None:
    world.meanwhile = lambda: work.attend(world.service, BULK, threads=1)
    answer = post(world, key="k", headers={"Prefer": "wait=20"})
    assert (answer.status, answer.json["status"]) == (200, "done")
    assert answer.headers == JSON | {
        "etag": show(world, BULK).headers["etag"], "location": f"bulk/{BULK}", "preference-applied": "wait=20",
    }  # fmt: skip


def test_refusals_of_a_job(world: World) -> None:
    detail = "Name at least one field: without a filter, every run would be meant"
    invalid = {"type": "urn:invoke-once:invalid-request", "title": "The request is not valid", "status": 422}
    none = invalid | {"detail": f"{detail}.", "errors": [{"pointer": "/filter", "detail": detail}]}
    assert is_refused(post(world, {"action": "cancel", "filter": {}}), none)
    post(world, key="k")
    assert is_refused(post(world, CANCEL | {"dry_run": True}, key="k"), {
        "type": "urn:invoke-once:idempotency-key-reused", "status": 422,
        "title": "The Idempotency-Key was used with another request",
        "detail": "The key was used before with another action or filter.",
    })  # fmt: skip
    job = world.bench.table.items[BULK, "bulk"]
    over = "It has ended: there is nothing to stop."
    with after_reading(world, lambda: world.bench.table.items.pop((BULK, "bulk"), None)):
        gone = stop(world, BULK)
    assert is_refused(gone, wrong_state(over, bulk_status="running"))
    world.bench.table.items[BULK, "bulk"] = job
    with after_reading(world, lambda: job.update({"status": "done"})):
        ended = stop(world, BULK)
    assert is_refused(ended, wrong_state(over, bulk_status="done"))


def test_every_field_of_a_filter_is_what_is_looked_for(world: World) -> None:
    whole = {
        "function": "echo", "status": ["scheduled", "failed"], "label": ["n:1", "m:x:y"], "batch": "b",
        "created_after": "2027-01-15T07:00:00.000Z", "created_before": "2027-01-15T07:59:00Z",
    }  # fmt: skip
    post(world, {"action": "retry", "filter": whole, "dry_run": True}, key="k")
    options = json.loads(world.bench.table.items[BULK, "bulk"]["options"])
    assert options == {
        "action": "retry", "dry_run": True, "by": world.token.split("_")[1], "filter": options["filter"],
        "wanted": {"function": "echo", "key": None, "batch": "b", "statuses": ["failed", "scheduled"],
                   "labels": [["m", "x:y"], ["n", "1"]], "low_ms": 1_799_996_400_001, "high_ms": 1_799_999_939_999},
    }  # fmt: skip
    post(world, {"action": "retry", "filter": {"status": "failed", "label": "n:1"}}, key="one")
    (one,) = [item for (name, _), item in world.bench.table.items.items() if name.startswith("bulk_") and name != BULK]
    assert json.loads(one["options"])["wanted"] == {
        "function": None, "key": None, "batch": None, "statuses": ["failed"], "labels": [["n", "1"]], "low_ms": 0,
        "high_ms": json.loads(one["options"])["wanted"]["high_ms"],
    }  # fmt: skip

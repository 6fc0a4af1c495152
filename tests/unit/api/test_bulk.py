"""Bulk jobs over HTTP, on the in-memory store: what is accepted and refused, shown, held, stopped."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.bulk import work
from chalicelib.runs.limits import EVERY_MS, Rates
from tests.unit.api.world import Answered, World

CANCEL = {"action": "cancel", "filter": {"function": "echo"}}


def post(world: World, body: Any = None, key: str | None = None, **more: Any) -> Answered:
    headers = {**({} if key is None else {"Idempotency-Key": f'"{key}"'}), **more.pop("headers", {})}
    return world.call("POST", "/bulk", json_body=CANCEL if body is None else body, headers=headers, **more)


def show(world: World, bulk_id: str, **more: Any) -> Answered:
    return world.call("GET", "/bulk/{bulk_id}", bulk_id=bulk_id, **more)


def stop(world: World, bulk_id: str, **more: Any) -> Answered:
    return world.call("POST", "/bulk/{bulk_id}/stop", bulk_id=bulk_id, **more)


def done(world: World, answer: Answered) -> Any:
    world.clock.step(2_000)
    work.attend(world.service, answer.json["id"], threads=1)
    return show(world, answer.json["id"]).json


def test_a_job_is_accepted_worked_at_and_shown(world: World) -> None:
    ids = [world.post().json["id"] for _ in range(3)]
    world.clock.step(1)
    answer = post(world)
    assert answer.status == 202 and answer.headers["location"] == f"bulk/{answer.json['id']}"
    assert answer.headers["retry-after"] == "1"
    job = answer.json
    assert (job["status"], job["matched"], job["done"], job["refused"]) == ("running", 0, 0, 0)
    assert (job["action"], job["filter"], job["dry_run"]) == ("cancel", {"function": "echo"}, False)
    ended = done(world, answer)
    assert (ended["status"], ended["matched"], ended["done"], ended["refused"]) == ("done", 3, 3, 0)
    assert {world.head(run_id).status for run_id in ids} == {"cancelled"}
    assert world.get(ids[0]).json["cancelled_by"] == world.token.split("_")[1]
    assert "retry-after" not in show(world, job["id"]).headers


def test_every_field_of_the_filter_counts_and_several_values_do(world: World) -> None:
    world.post({"function": "echo", "labels": {"n": "1", "m": "x:y"}, "delay_seconds": 9})
    world.post({"function": "echo", "labels": {"n": "1"}}), world.post({"function": "fail"})
    world.clock.step(1)
    whole = {
        "function": "echo", "status": ["scheduled", "failed"], "label": ["n:1", "m:x:y"],
        "created_after": "2020-01-01T00:00:00+02:00", "created_before": "2036-01-01T00:00:00Z",
    }  # fmt: skip
    job = done(world, post(world, {"action": "cancel", "filter": whole, "dry_run": True}))
    assert (job["matched"], job["done"], job["status"]) == (1, 0, "done")
    assert job["filter"]["status"] == ["scheduled", "failed"] and job["filter"]["label"] == ["n:1", "m:x:y"]
    assert done(world, post(world, {"action": "cancel", "filter": {"label": "n:1", "status": "queued"}}))["done"] == 1
    assert done(world, post(world, {"action": "cancel", "filter": {"batch": "batch_x"}}))["matched"] == 0


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"filter": {}}, "/filter"),
        ({"filter": None}, "/filter"),
        ({"filter": {"status": "faild"}}, "/filter/status"),
        ({"filter": {"status": []}}, "/filter/status"),
        ({"filter": {"label": "x"}}, "/filter/label"),
        ({"filter": {"label": []}}, "/filter/label"),
        ({"filter": {"label": "a:" + "x" * 192}}, "/filter/label"),
        ({"filter": {"created_after": "yesterday"}}, "/filter/created_after"),
        ({"filter": {"created_after": "2026-01-01T00:00:00"}}, "/filter/created_after"),
        ({"filter": {"functions": "echo"}}, "/filter/functions"),
        ({"filter": {"function": "echo"}, "action": "delete"}, "/action"),
        ({"filter": {"function": "echo"}, "dryrun": True}, "/dryrun"),
        ({"filter": {"function": "echo"}, "dry_run": "yes"}, "/dry_run"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_nothing_is_begun(world: World, wrong: Any, pointer: str) -> None:
    answer = post(world, {"action": "cancel", **wrong})
    assert answer.status == 422, answer.text
    assert answer.json["errors"][0]["pointer"] == pointer
    assert not world.bench.table.items


def test_a_repeat_is_the_same_job_and_another_body_is_refused(world: World) -> None:
    first, again = post(world, key="k"), post(world, key="k")
    assert again.json["id"] == first.json["id"] and again.headers["idempotent-replayed"] == "true"
    other = post(world, {**CANCEL, "action": "retry"}, key="k")
    assert other.status == 422 and other.json["type"].endswith("idempotency-key-reused")
    assert post(world, key="k", token=world.issue("acme")).json["id"] != first.json["id"]
    assert post(world).json["id"] != post(world).json["id"]


def test_another_tenant_s_job_looks_as_one_that_is_not_there(world: World) -> None:
    job, other = post(world).json["id"], world.issue("acme")
    unknown = show(world, "bulk_" + "a" * 26, token=other)
    assert unknown.status == 404
    for answer in (show(world, job, token=other), stop(world, job, token=other), show(world, "run_x")):
        assert (answer.status, answer.text) == (404, unknown.text)


def test_it_needs_the_scopes_that_its_runs_would(world: World) -> None:
    reader = world.issue("demo", "runs:read")
    job = post(world).json["id"]
    assert (post(world, token=reader).status, stop(world, job, token=reader).status) == (403, 403)
    assert show(world, job, token=reader).status == 200
    assert show(world, job, token=world.issue("demo", "runs:write")).status == 403


def test_a_stop_is_a_request_until_its_worker_sees_it(world: World) -> None:
    run = world.post().json["id"]
    world.clock.step(1)
    answer = post(world)
    asked = stop(world, answer.json["id"])
    assert (asked.status, asked.json["status"], asked.json["stop_requested"]) == (202, "running", True)
    assert done(world, answer)["status"] == "stopped" and world.head(run).status == "queued"
    again = stop(world, answer.json["id"])
    assert (again.status, again.json["bulk_status"]) == (409, "stopped")


def test_a_caller_may_wait_for_the_end(world: World) -> None:
    world.meanwhile = lambda: None
    answer = post(world)
    known = show(world, answer.json["id"]).headers["etag"]
    assert show(world, answer.json["id"], headers={"If-None-Match": known}).status == 304
    world.meanwhile = lambda: work.attend(world.service, answer.json["id"], threads=1)
    held = show(world, answer.json["id"], headers={"Prefer": "wait=20", "If-None-Match": known})
    assert held.json["status"] == "done" and held.headers["preference-applied"] == "wait=20"
    assert post(world, key="k2", headers={"Prefer": "wait=1"}).status == 202


def test_what_makes_less_to_do_is_not_refused_for_there_being_too_much() -> None:
    from app import app

    world = World(app, rates=Rates(runs_in_flight=64))
    for n in range(120):
        world.post(headers={"Idempotency-Key": f"k{n}"})
    world.clock.step(EVERY_MS)
    assert world.post().status == 429
    assert post(world).status == 202
    assert post(world, {**CANCEL, "action": "retry"}).status == 429
    assert post(world, {**CANCEL, "action": "retry", "dry_run": True}).status == 202


def test_neither_labels_nor_keys_reach_a_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    done(world, post(world, {"action": "cancel", "filter": {"label": "customer:s3cret"}}, key="k3y"))
    assert "s3cret" not in capsys.readouterr().out

"""Calls that are held: for how long, how often the table is read, and how many at once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app import app
from chalicelib.runs.holds import SHARE, SPARE_MS, Holds, holds_in_flight
from tests.unit.api.world import World

WAIT = {"Prefer": "wait=20"}


def test_a_hold_is_counted_from_the_request_s_begin(world: World) -> None:
    """Firing may be slow, and the gateway gives up after 29 s."""
    fire = world.targets.fire

    def slow(*args: object, **more: object) -> object:
        world.clock.step(10_000)
        return fire(*args, **more)  # type: ignore[arg-type]

    world.targets.fire = slow  # type: ignore[method-assign,assignment]
    assert world.post(headers={"Prefer": "wait=25"}).status == 202
    assert sum(world.slept) == pytest.approx(15, abs=0.1)


def test_after_the_first_seconds_the_table_is_read_once_a_second(world: World) -> None:
    world.get(world.post().json["id"], headers=WAIT)
    later = [pause for n, pause in enumerate(world.slept) if sum(world.slept[:n]) >= 3]
    assert len(later) > 10 and min(later[:-1]) >= 1


def test_a_tenant_s_holds_are_capped_and_over_that_the_answer_comes_at_once() -> None:
    world = World(app)
    world.backend = replace(world.backend, holds=Holds(2 * SHARE))
    run_id = world.post().json["id"]
    asked, held, at_once = [0], [0], [0]

    def ask() -> None:
        """While one is held the next one comes."""
        if asked[0] >= 6:
            return
        asked[0] += 1
        before = len(world.slept)
        answer = world.get(run_id, headers=WAIT)
        if len(world.slept) > before:
            held[0] += 1
        else:
            at_once[0] += 1
            assert answer.status == 200 and "preference-applied" not in answer.headers and answer.headers["retry-after"]

    world.meanwhile = ask
    ask()
    assert at_once[0] >= 1 and held[0] >= 2
    other = world.issue("acme")
    mine = world.post(token=other).json["id"]
    world.meanwhile = lambda: None
    assert world.get(mine, headers=WAIT, token=other).headers["preference-applied"] == "wait=20"


def test_a_place_of_a_sandbox_that_died_is_free_when_its_time_is_over(world: World) -> None:
    holds, now = Holds(1), world.clock()
    assert holds.take(world.store, "demo", now, now + 1_000, lambda: 0.0) is not None
    assert holds.take(world.store, "demo", now + 1_000 + SPARE_MS, now + 9_000, lambda: 0.0) is None
    place = holds.take(world.store, "demo", now + 1_001 + SPARE_MS, now + 9_000, lambda: 0.0)
    assert place is not None
    holds.leave(world.store, place)
    assert holds.take(world.store, "demo", now + 1_002 + SPARE_MS, now + 9_000, lambda: 0.0) is not None


def test_who_finds_its_run_ended_takes_no_place(world: World) -> None:
    run_id = world.post().json["id"]
    world.deliver(run_id)
    writes = world.bench.table.writes
    world.get(run_id, headers=WAIT)
    assert world.bench.table.writes == writes


def test_the_number_of_places_comes_from_the_environment(world: World) -> None:
    assert (holds_in_flight({}), holds_in_flight({"ONCE_HOLDS_IN_FLIGHT": "7"})) == (200, 7)
    world.backend = replace(world.backend, holds=Holds(0))
    assert world.post(headers=WAIT).status == 202 and world.slept == []


def test_post_and_get_name_one_state_alike(world: World) -> None:
    started = world.post()
    run_id = started.json["id"]
    assert world.get(run_id).headers["etag"] == started.headers["etag"]
    assert world.get(run_id, headers={"If-None-Match": started.headers["etag"]}).status == 304
    asked = world.call("POST", "/runs/{run_id}/cancel", run_id=run_id)
    assert world.get(run_id).headers["etag"] == asked.headers["etag"] != started.headers["etag"]


def test_health_can_be_asked_without_a_body(world: World) -> None:
    answer = world.call("HEAD", "/healthz", token=None)
    assert (answer.status, answer.text) == (200, "")


def test_an_unknown_query_parameter_is_named(world: World) -> None:
    refused = world.call("GET", "/runs", query={"limitt": "3"})
    assert refused.status == 400 and "'limitt'" in refused.json["detail"]
    assert len(world.call("GET", "/runs", query={"x" * 9_000: "3"}).text) < 500


def test_links_and_location_resolve_with_a_final_slash_too(world: World) -> None:
    from urllib.parse import urljoin

    from tests.unit.api.world import event

    headers: dict[str, str | list[str]] = {"Authorization": f"Bearer {world.token}", "Content-Type": "application/json"}
    asked = event("POST", "/runs", {}, {}, headers, b'{"function": "echo"}')
    asked["requestContext"]["path"] = "/api/runs/"
    answer = world.send(asked)
    run_id = answer.json["id"]
    assert urljoin("https://a.example/api/runs/", answer.headers["location"]) == f"https://a.example/api/runs/{run_id}"
    assert urljoin("https://a.example/api/runs/", answer.json["links"]["self"]).endswith(f"/api/runs/{run_id}")


def test_a_repeat_is_not_counted_against_the_runs_in_flight(world: World) -> None:
    from chalicelib.runs.limits import Limits, OverLimit

    headers = {"Idempotency-Key": "order-1"}
    run_id = world.post(headers=headers).json["id"]

    class Full(Limits):
        def start(self, *_args: object, **_more: object) -> None:
            raise OverLimit("This tenant has too many runs in flight.", 5)

    world.backend = replace(world.backend, limits=Full())
    again = world.post(headers=headers)
    assert (again.status, again.json["id"], again.headers["idempotent-replayed"]) == (202, run_id, "true")
    assert world.post(headers={"Idempotency-Key": "order-2"}).status == 429 and world.post().status == 429


def test_a_call_is_held_for_the_seconds_that_it_asked_for(world: World) -> None:
    run_id, began_ms = world.post().json["id"], world.clock()
    answer = world.get(run_id, headers={"Prefer": "wait=7"})
    assert (answer.status, answer.headers["preference-applied"], world.clock() - began_ms) == (200, "wait=7", 7_000)
    assert world.slept == [pytest.approx(pause) for pause in [0.1, *[0.25] * 10, *[1] * 4, 0.4]]

"""Listing runs: order, filters, pages, cursors, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_once.life import moves
from tests.unit.api.told import ALL
from tests.unit.api.world import World, fail


def seed(world: World, count: int, *, tenant: str = "demo", step_ms: int = 10, **more: Any) -> list[str]:
    """Runs in the store, oldest first."""
    ids = []
    for n in range(count):
        new = moves.NewRun(
            tenant=tenant,
            function=more.get("function", "echo"),
            key=f"{tenant}-{n}-{len(world.engine.calls)}",
            labels=more.get("labels"),
        )
        result = world.bench.store.apply(moves.start(new, world.clock()))
        assert result.head is not None
        ids.append(result.head.run_id)
        world.clock.step(step_ms)
    return ids


def pages(world: World, limit: int, **query: Any) -> list[list[str]]:
    """Every page's ids, following the cursors."""
    found: list[list[str]] = []
    cursor: dict[str, str] = {}
    for _ in range(200):
        answer = world.call("GET", "/runs", query={**query, "limit": str(limit), **cursor})
        assert answer.status == 200, answer.text
        found.append([run["id"] for run in answer.json["runs"]])
        if answer.json["next_cursor"] is None:
            return found
        cursor = {"cursor": answer.json["next_cursor"]}
    raise AssertionError("the list does not end")


def flat(found: list[list[str]]) -> list[str]:
    return [run_id for page in found for run_id in page]


def test_all_runs_come_newest_first_over_pages_each_once(world: World) -> None:
    ids = seed(world, 57)
    found = pages(world, 10)
    assert [len(page) for page in found] == [10, 10, 10, 10, 10, 7]
    assert flat(found) == ids[::-1]


@pytest.mark.parametrize("limit", [1, 3, 20, 100])
def test_runs_of_one_millisecond_are_neither_lost_nor_doubled(world: World, limit: int) -> None:
    ids = seed(world, 40, step_ms=0)
    assert sorted(flat(pages(world, limit))) == sorted(ids)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8])
def test_a_few_runs_in_each_millisecond_are_neither_lost_nor_doubled(world: World, limit: int) -> None:
    ids = [run_id for _ in range(12) for run_id in (*seed(world, 6, step_ms=0), *seed(world, 1, step_ms=1))]
    found = flat(pages(world, limit))
    assert len(found) == len(set(found)) and set(found) == set(ids)


def test_the_last_full_page_has_no_cursor(world: World) -> None:
    seed(world, 20)
    assert [len(page) for page in pages(world, 10)] == [10, 10]


def test_runs_that_are_made_meanwhile_stay_out_of_later_pages(world: World) -> None:
    ids = seed(world, 12)
    first = world.call("GET", "/runs", query={"limit": "5"}).json
    newer = seed(world, 5)
    second = world.call("GET", "/runs", query={"limit": "100", "cursor": first["next_cursor"]}).json
    assert [run["id"] for run in first["runs"] + second["runs"]] == ids[::-1]
    assert not set(newer) & {run["id"] for run in second["runs"]}


def test_limit_counts_matching_runs(world: World) -> None:
    wanted = []
    for _ in range(7):
        seed(world, 9)
        wanted += seed(world, 1, labels='{"batch":"b"}')
    assert [len(page) for page in pages(world, 3, label="batch:b")] == [3, 3, 1]
    assert flat(pages(world, 3, label="batch:b")) == wanted[::-1]


def test_a_page_does_a_bounded_amount_of_work_and_its_cursor_goes_on(world: World) -> None:
    rare = seed(world, 1, labels='{"rare":"1"}')
    seed(world, 2_300)
    found = pages(world, 5, label="rare:1")
    assert found == [[], [], rare]


def test_a_list_costs_the_same_over_many_runs_as_over_few(world: World) -> None:
    def cost() -> list[str]:
        world.engine.calls.clear()
        assert len(world.call("GET", "/runs", query={"limit": "20"}).json["runs"]) == 20
        return list(world.engine.calls)

    seed(world, 100)
    few = cost()
    seed(world, 3_000)
    many = cost()
    assert many.count("get_many") == few.count("get_many") == 1
    assert abs(len(many) - len(few)) <= 2 and len(many) <= 8


def test_filters_by_function_status_and_time(world: World) -> None:
    old = seed(world, 3)
    since = world.get(old[-1]).json["created_at"]
    other = seed(world, 2, function="fail")
    world.deliver(other[0], fail)
    assert flat(pages(world, 10, function="fail")) == other[::-1]
    assert flat(pages(world, 10, function="no-such")) == []
    assert flat(pages(world, 10, status="failed")) == [other[0]]
    assert flat(pages(world, 10, status="failed,queued", function="fail")) == other[::-1]
    assert flat(pages(world, 10, status=["failed", "timed_out"])) == [other[0]]
    assert flat(pages(world, 10, created_after=since)) == other[::-1]
    assert flat(pages(world, 10, created_before=since)) == old[:-1][::-1]


def test_failed_runs_are_read_from_their_own_sparse_index(world: World) -> None:
    failed = seed(world, 1, function="fail")
    world.deliver(failed[0], fail)
    seed(world, 500)
    world.engine.calls.clear()
    assert pages(world, 5, status="failed") == [failed]
    assert len(world.engine.calls) <= 6


def test_a_key_is_looked_up_by_the_id_it_derives_to(world: World) -> None:
    run_id = world.post(headers={"Idempotency-Key": "k9"}).json["id"]
    seed(world, 300)
    world.engine.calls.clear()
    assert pages(world, 10, key="k9", function="echo") == [[run_id]]
    assert world.engine.calls == ["get"]
    world.engine.calls.clear()
    assert pages(world, 10, key="k9") == [[run_id]]
    assert world.engine.calls == ["get_many"]
    assert pages(world, 10, key="k9", status="failed") == [[]]
    assert pages(world, 10, key="other", function="echo") == [[]]


def test_one_key_under_two_functions_gives_both_also_a_page_each(world: World) -> None:
    for name in ("echo", "fail"):
        world.post({"function": name}, headers={"Idempotency-Key": "same"})
        world.clock.step(5)
    assert [len(page) for page in pages(world, 1, key="same")] == [1, 1]


def test_only_the_caller_s_tenant_is_listed(world: World) -> None:
    mine, theirs = seed(world, 3), seed(world, 3, tenant="acme")
    assert sorted(flat(pages(world, 2))) == sorted(mine)
    answer = world.call("GET", "/runs", token=world.issue("acme"))
    assert sorted(run["id"] for run in answer.json["runs"]) == sorted(theirs)


def test_a_list_has_an_etag_and_costs_304_when_known(world: World) -> None:
    seed(world, 3)
    etag = world.call("GET", "/runs").headers["etag"]
    known = world.call("GET", "/runs", headers={"If-None-Match": etag})
    assert (known.status, known.headers, known.text) == (304, ALL | {"etag": etag}, "")
    seed(world, 1)
    assert world.call("GET", "/runs", headers={"If-None-Match": etag}).status == 200


def test_expired_runs_are_not_listed_though_ttl_is_late(world: World) -> None:
    run_id = world.post().json["id"]
    world.deliver(run_id)
    world.clock.step(31 * 86_400_000)
    assert flat(pages(world, 5)) == []


class TestCursors:
    def cursor(self, world: World, **query: str) -> str:
        cursor = world.call("GET", "/runs", query={"limit": "2", **query}).json["next_cursor"]
        assert isinstance(cursor, str)
        return cursor

    def refused(self, world: World, **query: Any) -> None:
        token = query.pop("token", "")
        answer = world.call("GET", "/runs", query={"limit": "2", **query}, token=token)
        assert answer.status == 400 and answer.json["type"] == "urn:invoke-once:invalid-cursor"

    def test_of_another_tenant_are_refused(self, world: World) -> None:
        seed(world, 9)
        self.refused(world, cursor=self.cursor(world), token=world.issue("acme"))

    def test_of_another_query_are_refused(self, world: World) -> None:
        seed(world, 9)
        self.refused(world, cursor=self.cursor(world), status="failed")
        self.refused(world, cursor=self.cursor(world, function="echo"))
        self.refused(world, cursor=self.cursor(world), created_after="2020-01-01T00:00:00Z")

    def test_of_another_resource_are_refused(self, world: World) -> None:
        seed(world, 9)
        assert world.call("GET", "/tokens", query={"cursor": self.cursor(world)}).status == 400

    def test_older_than_a_day_are_refused(self, world: World) -> None:
        seed(world, 9)
        cursor = self.cursor(world)
        world.clock.step(86_400_001)
        self.refused(world, cursor=cursor)

    def test_with_any_bit_changed_or_cut_are_refused(self, world: World) -> None:
        seed(world, 9)
        cursor = self.cursor(world)
        for at in range(len(cursor)):
            other = "A" if cursor[at] != "A" else "B"
            self.refused(world, cursor=cursor[:at] + other + cursor[at + 1 :])
        self.refused(world, cursor=cursor[:-4])

    @pytest.mark.parametrize(
        "cursor", ["", "AAAA", "x" * 5_000, "eyJwayI6ICJhIn0", "../../", "é" * 30, "A" * 60 + "\n"]
    )
    def test_that_nobody_made_are_refused(self, world: World, cursor: str) -> None:
        self.refused(world, cursor=cursor)

    def test_given_twice_are_refused(self, world: World) -> None:
        seed(world, 9)
        answer = world.call("GET", "/runs", query={"cursor": [self.cursor(world)] * 2})
        assert answer.status == 400

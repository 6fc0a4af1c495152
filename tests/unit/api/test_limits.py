"""Too many calls, and too many runs in flight."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from app import app
from chalicelib.runs.limits import EVERY_MS, EVERY_STARTS, PAGE_KEYS, Limits, OverLimit, Rates, _Seen, rates
from invoke_once.life.head import Head
from invoke_once.store.store import Key, Store
from invoke_once.testing import MemoryTable
from tests.unit.api.world import World


def test_a_burst_is_taken_and_then_429_says_when_to_come_again() -> None:
    world = World(app, rates=Rates(calls_per_second=2, burst=5))
    assert [world.call("GET", "/runs").status for _ in range(6)] == [200] * 5 + [429]
    refused = world.call("GET", "/runs")
    assert refused.json["type"] == "urn:invoke-once:too-many-requests" and int(refused.headers["retry-after"]) >= 1
    world.clock.step(1_000 * int(refused.headers["retry-after"]))
    assert world.call("GET", "/runs").status == 200


def test_one_tenant_s_calls_do_not_count_for_another() -> None:
    world = World(app, rates=Rates(calls_per_second=1, burst=1))
    other = world.issue("acme")
    assert world.call("GET", "/runs").status == 200
    assert world.call("GET", "/runs").status == 429
    assert world.call("GET", "/runs", token=other).status == 200


def test_starts_are_refused_while_too_many_runs_are_in_flight_and_taken_again_after() -> None:
    world = World(app, rates=Rates(runs_in_flight=64))
    ids = [world.post(headers={"Idempotency-Key": f"k{n}"}).json["id"] for n in range(120)]
    world.clock.step(EVERY_MS)
    refused = world.post()
    assert refused.status == 429 and "in flight" in refused.json["detail"] and refused.headers["retry-after"] == "5"
    assert world.get(ids[0]).status == 200
    for run_id in ids:
        world.deliver(run_id)
    assert world.post().status == 429, "it does not look again at once"
    world.clock.step(EVERY_MS)
    assert world.post().status == 202


def test_ended_runs_that_still_owe_a_callback_are_not_in_flight() -> None:
    world = World(app, rates=Rates(runs_in_flight=64))
    callback = {"url": "https://example.com/hook"}
    ids = [
        world.post({"function": "echo", "input": n, "callback": callback}, headers={"Idempotency-Key": f"k{n}"}).json[
            "id"
        ]
        for n in range(120)
    ]
    for run_id in ids:
        world.deliver(run_id)
        assert world.head(run_id).cb_status == "pending" and world.head(run_id).due_shard
    world.clock.step(EVERY_MS)
    assert world.post().status == 202


def test_another_tenant_s_runs_do_not_keep_mine_from_starting() -> None:
    world = World(app, rates=Rates(runs_in_flight=64))
    other = world.issue("acme")
    for n in range(150):
        world.post(token=other, headers={"Idempotency-Key": f"k{n}"})
    for n in range(EVERY_STARTS):
        world.post(headers={"Idempotency-Key": f"k{n}"})
    world.clock.step(EVERY_MS)
    assert world.post().status == 202
    assert world.post(token=other).status == 429


def test_counting_costs_no_call_of_its_own_on_average() -> None:
    world = World(app)
    for _ in range(200):
        world.post()
        world.clock.step(100)
    assert world.engine.calls.count("index") <= 200 / EVERY_STARTS
    assert world.engine.calls.count("get_many") == 0


def test_the_rates_come_from_the_environment() -> None:
    assert rates({}) == Rates(calls_per_second=200, burst=2_000, runs_in_flight=10_000)
    told = {"ONCE_CALLS_PER_SECOND": "2.5", "ONCE_CALLS_BURST": "9", "ONCE_RUNS_IN_FLIGHT": "7"}
    assert rates(told) == Rates(2.5, 9, 7)


def test_a_limit_over_what_one_page_of_keys_tells_binds_too() -> None:
    """Counted page by page, as far as the limit asks."""
    most = 8 * PAGE_KEYS * 2
    limits, pages = Limits(Rates(runs_in_flight=most)), []

    class Full:
        def index(self, _name: str, shard: str, *, limit: int, **_more: object) -> list[Key]:
            pages.append(limit)
            return [Key("run_a", shard, n) for n in range(limit)]

    counted = limits._in_flight(Everybody(Full()), "demo", 0, lambda: 0.0)  # type: ignore[arg-type]
    assert counted >= most and len(pages) == 9


class Everybody(Store):
    """Every run that is asked for is demo's, and queued."""

    def get_many(self, run_ids: object, now_ms: int) -> dict[str, Head]:
        return {"run_a": Head("run_a", "demo", "echo", "queued", "g", 0, 9, 9)}


def test_what_is_remembered_of_tenants_is_bounded() -> None:
    """Ten thousand; with one more all are forgotten, and whoever was over its limit has its burst again."""
    limits = Limits(Rates(calls_per_second=1, burst=1))
    for others, refused in ((0, True), (9_999, True), (10_000, False)):
        for n in range(others):
            limits._buckets.setdefault(f"other-{n}", (1, 0))
        limits._buckets["demo"] = (0, 0)
        with pytest.raises(OverLimit) if refused else nullcontext():
            limits.take("demo", 0)
    limits = Limits(Rates(runs_in_flight=1))
    for others, refused in ((0, True), (9_999, True), (10_000, False)):
        limits._seen = {f"other-{n}": _Seen() for n in range(others)} | {"demo": _Seen(1)}
        with pytest.raises(OverLimit) if refused else nullcontext():
            limits.start(Store(MemoryTable()), "demo", 0, lambda: 0.0)


def test_a_tenant_of_whom_nothing_is_known_may_start_one() -> None:
    Limits(Rates(runs_in_flight=1)).start(Store(MemoryTable()), "demo", 0, lambda: 0.0)


@pytest.mark.parametrize(
    ("starts", "later_ms", "looks"),
    [(EVERY_STARTS - 1, EVERY_MS, 0), (EVERY_STARTS, EVERY_MS - 1, 0), (EVERY_STARTS, EVERY_MS, 1)],
)
def test_it_is_counted_again_after_some_starts_and_seconds(starts: int, later_ms: int, looks: int) -> None:
    table = MemoryTable()
    limits, asked = Limits(Rates(runs_in_flight=100)), list[str]()
    store = Store(table)
    store.index = lambda name, shard, **_: (asked.append(shard), [])[1]  # type: ignore[method-assign]
    for n in range(starts):
        limits.start(store, "demo", 0 if n + 1 < starts else later_ms, lambda: 0.0)
    assert len(asked) == looks


def test_who_is_at_its_limit_is_looked_at_again_after_some_seconds_alone() -> None:
    limits, store = Limits(Rates(runs_in_flight=1)), Store(MemoryTable())
    limits._seen["demo"] = _Seen(in_flight=1)
    with pytest.raises(OverLimit):
        limits.start(store, "demo", EVERY_MS - 1, lambda: 0.0)
    limits.start(store, "demo", EVERY_MS, lambda: 0.0)


def test_starts_are_counted_anew_after_each_look() -> None:
    limits, asked, now_ms = Limits(Rates(runs_in_flight=100)), list[str](), 0
    store = Store(MemoryTable())
    store.index = lambda name, shard, **_: (asked.append(shard), [])[1]  # type: ignore[method-assign]
    for n in range(1, 3 * EVERY_STARTS + 1):
        now_ms += EVERY_MS
        limits.start(store, "demo", now_ms, lambda: 0.0)
        assert len(asked) == n // EVERY_STARTS


def test_the_next_call_is_free_when_it_is_said_to_be() -> None:
    limits = Limits(Rates(calls_per_second=0.1, burst=1))
    limits.take("demo", 0)
    with pytest.raises(OverLimit) as refused:
        limits.take("demo", 2_000)
    assert refused.value.retry_after_s == 8
    with pytest.raises(OverLimit):
        limits.take("demo", 9_999)
    limits.take("demo", 10_000)


def test_each_shard_has_its_turn_to_be_the_sample() -> None:
    asked: list[str] = []

    class Noted(Store):
        def index(self, name: str, shard: str, **_: object) -> list[Key]:  # type: ignore[override]
            asked.append(f"{name} {shard}")
            return []

    for spread in (0.0, 0.5, 0.999, 1.0):
        Limits()._in_flight(Noted(MemoryTable()), "demo", 1, lambda spread=spread: spread)  # type: ignore[misc]
    assert asked == ["due due#0", "due due#4", "due due#7", "due due#7"]

"""What one call may cost: the bounds of pages, logs and log lines."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.api import call, front, listing, log_reader, logs, payloads, waiting
from tests.unit.api.test_listing import seed
from tests.unit.api.world import World


def test_each_bound_is_what_the_docs_and_lambda_s_six_megabytes_allow() -> None:
    assert (listing.MAX_EXAMINED, listing.MAX_MS, listing.MAX_PAGE_BYTES) == (1_000, 8_000, 3_145_728)
    assert (log_reader.FIND_PAGES, log_reader.READ_PAGES, log_reader.PAGE_BYTES) == (10, 20, 4_000_000)
    assert (log_reader.EARLY_MS, logs.LATE_MS, logs.FOREIGN_CLAIMS) == (5_000, 15_000, 50)
    assert (payloads.PASSED_ON_BYTES, payloads.LINK_S, call.MAX_BODY_BYTES) == (1_048_576, 300, 4_194_304)
    assert waiting.MAX_WAIT_S == 25


def test_every_method_that_the_gateway_has_is_registered() -> None:
    assert front.METHODS == ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def test_a_request_s_time_is_told_in_tenths_of_a_millisecond(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([10.0, 10.0012345])
    monkeypatch.setattr(front, "time", SimpleNamespace(perf_counter=lambda: next(moments)))
    world.call("GET", "/functions")
    assert json.loads(capsys.readouterr().out)["request_ms"] == 1.2


def test_a_page_of_runs_ends_when_its_time_is_over(world: World) -> None:
    seed(world, 300, step_ms=0)
    get_many, taken_ms = world.bench.table.get_many, [0]

    def slow(*args: Any, **more: Any) -> Any:
        world.clock.step(taken_ms[0])
        return get_many(*args, **more)

    world.bench.table.get_many = slow  # type: ignore[method-assign]
    for each_ms, looks in ((4_000, 3), (8_000, 2), (8_001, 1)):
        taken_ms[0] = each_ms
        world.engine.calls.clear()
        answer = world.call("GET", "/runs", query={"label": "no:one"}).json
        assert answer["runs"] == [] and world.engine.calls.count("get_many") == looks, each_ms
        assert (answer["next_cursor"] is None) is (looks == 3)


def test_claims_of_other_runs_are_looked_up_once_and_only_so_many() -> None:
    asked: list[tuple[str, int, bool]] = []

    def get(run_id: str, now_ms: int, *, consistent: bool) -> Any:
        asked.append((run_id, now_ms, consistent))
        return None if run_id == "gone" else SimpleNamespace(claim_token="its")

    store = SimpleNamespace(get=get)
    confirmed = logs._Confirmed(SimpleNamespace(service=SimpleNamespace(store=store), began_ms=7))  # type: ignore[arg-type]
    assert confirmed("a", "") is True and asked == [], "of a wrapper before there were tokens"
    assert [confirmed("a", "its"), confirmed("a", "other"), confirmed("a", "its")] == [True, False, True]
    assert confirmed("gone", "any") is True and asked == [("a", 7, False), ("gone", 7, False)]
    assert [confirmed(f"r{n}", "other") for n in range(49)] == [False] * 48 + [True]
    assert len(asked) == 50 and confirmed("a", "other") is False

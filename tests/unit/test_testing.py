"""The bench that users test their handlers on: what it takes, and how its clock moves."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from invoke_once import current_run, testing, tracked
from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.life.head import INDEX_KEYS
from invoke_once.life.move import Move
from invoke_once.store.store import Key
from invoke_once.testing import Bench, Clock, Context, KilledByLambda, MemoryObjects, MemoryTable


@pytest.mark.parametrize(
    ("option", "value", "field", "kept"),
    [
        ("backoff_seconds", 2, "backoff_ms", 2_000), ("max_backoff_seconds", 3, "max_backoff_ms", 3_000),
        ("queue_timeout_seconds", 7, "queue_ms", 7_000), ("retention_days", 2, "retention_s", 172_800),
        ("max_attempts", 4, "max_attempts", 4), ("on_lost", "fail", "on_lost", "fail"), ("max_legs", 3, "max_legs", 3),
        ("delay_seconds", 5, "not_before", 1_800_000_005_000),
    ],
)  # fmt: skip
def test_a_bench_s_options_are_those_of_a_function_and_of_a_start(
    option: str, value: Any, field: str, kept: Any
) -> None:
    assert getattr(Bench(**{option: value}).start(), field) == kept


@pytest.mark.parametrize("option", ["payload", "fingerprint", "key", "backoff"])
def test_a_bench_has_no_other_options(option: str) -> None:
    with pytest.raises(TypeError, match=f"Bench has no option '{option}'; "):
        Bench(**{option: 1})


def test_a_bench_s_waits_step_its_clock() -> None:
    bench = Bench()
    before = bench.clock()
    bench._sleep(1.5)
    assert bench.clock() == before + 1_500


def test_the_table_in_memory_refuses_what_dynamodb_does() -> None:
    with pytest.raises(StoreUnavailable, match="an update may not set an item's key") as refused:
        MemoryTable().write(Move("Q", "run_a", (), {"part": "other"}))
    assert refused.value.code == "ValidationException"


def test_what_the_module_offers() -> None:
    assert testing.__all__ == [
        "Applied", "Bench", "Clock", "Context", "Finished", "KilledByLambda", "MemoryObjects", "MemoryTable",
    ]  # fmt: skip


def test_a_clock_goes_forward_alone() -> None:
    clock = Clock()
    assert clock() == 1_800_000_000_000
    clock.to(clock() - 1)
    assert clock() == 1_800_000_000_000
    clock.to(clock() + 7)
    clock.step(3)
    assert clock() == 1_800_000_000_010


def test_a_context_is_lambdas_and_its_time_passes_with_the_clock() -> None:
    clock = Clock()
    context = Context(clock)
    assert (context.aws_request_id, context.function_name, context.log_stream_name) == ("request-1", "test", "test")
    assert context.get_remaining_time_in_millis() == 900_000
    clock.step(900_001)
    assert context.get_remaining_time_in_millis() == 0


def test_each_way_to_a_handler_leaves_it_fifteen_minutes_unless_told() -> None:
    bench, left = Bench(), list[int]()

    @tracked
    def handler(event: Any, context: Any) -> None:
        left.append(context.get_remaining_time_in_millis())

    bench.call(handler)
    bench.run(handler)
    bench.deliver(handler, bench.start())
    bench.call(handler, timeout_ms=1_000)
    assert left == [900_000, 900_000, 900_000, 1_000]
    assert [run.status for run in bench.runs()] == ["succeeded"] * 4
    assert [run.status for run in bench.map(handler, [1, 2])] == ["succeeded"] * 2


def test_a_handler_whose_time_is_over_is_told_and_then_ended() -> None:
    bench = Bench(max_attempts=1)

    @tracked
    def handler(event: Any, context: Any) -> None:
        current_run().progress(0.5)
        bench.time_out()

    began = bench.clock()
    run = bench.run(handler, timeout_ms=60_000)
    assert (run.status, bench.clock() - began, run.progress) == ("timed_out", 60_000, 0.5)
    assert (run.error is not None and "59" in run.error["message"]) or "60" in (run.error or {})["message"]
    with pytest.raises(RuntimeError, match="time_out is called in a handler"):
        bench.time_out()
    assert issubclass(KilledByLambda, BaseException) and not issubclass(KilledByLambda, Exception)


def test_a_handler_that_is_not_wrapped_is_refused_by_name() -> None:
    def plain(event: Any, context: Any) -> None: ...

    for call in (Bench().call, Bench().run):
        with pytest.raises(TypeError, match="^plain is not wrapped: put @tracked above it"):
            call(plain)
        with pytest.raises(TypeError, match="^the handler is not wrapped"):
            call(partial(plain, None))


def test_an_index_in_memory_has_what_has_both_its_keys() -> None:
    table, (shard, at) = MemoryTable(), INDEX_KEYS["due"]
    for run_id, more in {"run_a": {at: 5}, "run_b": {at: 7}, "run_c": {}, "run_d": {at: 9}}.items():
        table.items[run_id, "head"] = {"run_id": run_id, "part": "head", shard: "due#0", **more}
    found = partial(table.index, "due", "due#0", low=5, high=7, limit=9, newest_first=False, after=None)
    assert [key.run_id for key in found()] == ["run_a", "run_b"]
    assert [key.run_id for key in found(newest_first=True)] == ["run_b", "run_a"]
    assert [key.run_id for key in found(limit=1)] == ["run_a"]
    assert [key.run_id for key in found(after=Key("run_a", "due#0", 5, "head"))] == ["run_b"]
    assert found(after=Key("run_a", "due#0", 5, "head"), newest_first=True) == []


def test_objects_in_memory_are_missing_as_those_of_s3_are() -> None:
    objects = MemoryObjects()
    objects.put("a", b"1")
    assert (objects.get("a"), objects.url("a", 60)) == (b"1", "memory://a?expires=60")
    with pytest.raises(PayloadCorrupt, match="the stored payload is missing"):
        objects.get("b")

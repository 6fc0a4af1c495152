"""The bench that users test their handlers on: what it takes, and how its clock moves."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_once.errors import StoreUnavailable
from invoke_once.life.move import Move
from invoke_once.testing import Bench, MemoryTable


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

"""What a rate needs, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from bench.capacity import Load, Shards, breaks_at, concurrency, cost_per_million, quotas_for, shards_for
from invoke_once.records import DUE_SHARDS, TENANT_SHARDS


def test_the_shards_that_are_there_are_full_at_four_thousand_runs_a_second() -> None:
    assert breaks_at(Shards(), Load(1)) == 4_000
    assert (DUE_SHARDS, TENANT_SHARDS) == (8, 4), "docs/explanation/scale.md says what these hold: measure again"


def test_a_tenant_with_a_small_share_leaves_the_limit_to_the_due_index() -> None:
    assert breaks_at(Shards(due=32, tenant=4), Load(1, hottest_tenant=0.05)) == 16_000


@pytest.mark.parametrize(("rate", "due", "tenant"), [(10, 8, 4), (1_000, 8, 4), (5_000, 16, 8), (10_000, 32, 16)])
def test_shards_double_until_they_hold_with_headroom(rate: float, due: int, tenant: int) -> None:
    assert shards_for(Load(rate)) == Shards(due, tenant)


def test_concurrency_is_the_time_that_runs_occupy() -> None:
    load = Load(100, run_s=2, polls=0, callbacks=0, post_s=0.5, write_s=0.25)
    assert concurrency(load) == 100 * (0.5 + 2 + 0.5)


def test_quotas_have_headroom() -> None:
    assert quotas_for(Load(8_000, polls=0, callbacks=0)).gateway_rps == 10_000


def test_a_million_runs_cost_what_their_parts_do() -> None:
    parts = cost_per_million(Load(100, polls=0, callbacks=0))
    assert parts["DynamoDB writes"] == pytest.approx(6 * 0.625)
    assert parts["API Gateway"] == pytest.approx(3.5)
    assert parts["Lambda requests"] == pytest.approx(2 * 0.2)

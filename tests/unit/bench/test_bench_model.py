"""What a rate needs and what waiting costs, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from bench import model
from bench.model import Load, Shards, breaks_at, concurrency, cost_per_million, shards_for, taken, waiting
from chalicelib.runs import documents
from invoke_once.life.keys import DUE_SHARDS, TENANT_SHARDS
from invoke_once.testing import Bench


def test_the_shards_that_are_there_are_full_at_four_thousand_runs_a_second() -> None:
    assert breaks_at(Load(1)) == 4_000
    assert (DUE_SHARDS, TENANT_SHARDS) == (8, 4), "docs/explanation/scale.md says what these hold: measure again"


def test_a_tenant_with_a_small_share_leaves_the_limit_to_the_due_index() -> None:
    assert breaks_at(Load(1, hottest_tenant=0.05), Shards(due=32, tenant=4)) == 16_000


@pytest.mark.parametrize(("rate", "due", "tenant"), [(10, 8, 4), (1_000, 8, 4), (5_000, 16, 8), (10_000, 32, 16)])
def test_shards_double_until_they_hold_with_headroom(rate: float, due: int, tenant: int) -> None:
    assert shards_for(Load(rate)) == Shards(due, tenant)


def test_what_a_rate_takes_is_the_time_and_the_calls_that_runs_occupy() -> None:
    load = Load(100, run_s=2, polls=3, callbacks=0, post_s=0.5, poll_s=0.1, write_s=0.25)
    assert concurrency(load) == pytest.approx(100 * (0.5 + 0.3 + 2 + 0.5))
    assert [need for need, _ in taken(load).values()] == pytest.approx([330, 400, 300, 25, 25])


def test_a_million_runs_cost_what_their_parts_do() -> None:
    parts = cost_per_million(Load(100, polls=0, callbacks=0))
    assert parts["DynamoDB writes"] == pytest.approx(6 * 0.625)
    assert parts["API Gateway"] == pytest.approx(3.5)
    assert parts["Lambda requests"] == pytest.approx(2 * 0.2)


def test_a_held_call_costs_its_seconds_and_a_poll_its_call() -> None:
    held, polled = waiting(50, held_for_s=50), waiting(50, held_for_s=0)
    assert (held.requests, held.held_s, held.reads) == (25, 50, 150 + 25)
    assert (polled.requests, polled.held_s) == (10 + 10 + 4 + 1, 0)
    assert held.usd_per_million == pytest.approx(25 * 3.7 + 175 * 0.125 + (50 + 25 * 0.008) * 0.5 * 16.6667)
    first_held = waiting(50, held_for_s=5)
    assert (first_held.requests, first_held.held_s) == (3 + 5 + 10 + 4 + 1, 5)


def test_polls_come_as_the_service_asks_for_them() -> None:
    bench = Bench()
    head = bench.start()
    for age_s in (0, 9, 10, 29, 30, 179, 180, 7200):
        assert model.retry_after_s(age_s) == documents.retry_after_s(head, head.created_at + age_s * 1000)


def test_how_far_off_is_the_worst_figure_in_either_direction() -> None:
    assert model.off_by({"a": (2.0, 2.0), "b": (3.0, 2.0), "c": (4.0, 5.0)}) == 1.5
    assert model.off_by({"a": (2.0, 3.0)}) == 1.5

"""The bars: those of the design, each with its key, and what counts as missed."""

from __future__ import annotations

from bench.bars import BARS, Bar, missed

HELD = {bar.key: bar.least or bar.most for bar in BARS}


def test_a_value_at_its_bar_holds() -> None:
    assert missed(HELD) == []


def test_a_value_over_its_bar_is_missed_and_named() -> None:
    assert missed(HELD | {"post_vs_glue": 1.151}) == ["post_vs_glue is 1.15, its bar ≤ 1.15"]


def test_what_was_not_measured_is_missed() -> None:
    without = {key: value for key, value in HELD.items() if key != "callback_p95_s"}
    assert missed(without) == ["callback_p95_s was not measured"]


def test_nothing_is_free_so_zero_is_a_mistake_of_the_measurement() -> None:
    assert len(missed(HELD | {"aws_calls_poll": 0})) == 1


def test_a_bar_may_be_the_least_that_is_allowed() -> None:
    bar = Bar("k", "w", least=0.9)
    assert [bar.holds(value) for value in (0.89, 0.9, 1.2)] == [False, True, True] and bar.bound == "≥ 0.9"

"""Ratios and their order of measuring."""

from __future__ import annotations

from bench.samples import interleaved, quantile, ratio


def test_a_ratio_is_of_medians_so_one_slow_sample_does_not_count() -> None:
    found = ratio([10, 10, 10, 900], [5, 5, 5, 5])
    assert found.value == 2
    assert found.low <= 2 <= found.high


def test_scattered_samples_give_a_wide_interval() -> None:
    sure, unsure = ratio([10.0] * 30, [10.0] * 30), ratio([5.0, 15.0] * 15, [5.0, 15.0] * 15)
    assert sure.high - sure.low == 0
    assert unsure.high - unsure.low > 0.3


def test_every_case_has_every_place_in_a_round_as_often() -> None:
    order: list[str] = []
    cases = {name: lambda name=name: float(order.append(name) or 0) for name in "abc"}  # type: ignore[misc, func-returns-value]
    taken = interleaved(cases, rounds=3, warm_up=0, tell=lambda _: None)
    assert ["".join(order[n : n + 3]) for n in (0, 3, 6)] == ["abc", "bca", "cab"]
    assert all(len(values) == 3 for values in taken.values())


def test_samples_of_the_warm_up_are_left_out() -> None:
    values = iter([100.0, 1.0, 2.0])
    assert interleaved({"a": lambda: next(values)}, 2, 1, lambda _: None) == {"a": [1.0, 2.0]}


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (quantile(values, 0.95), quantile([3.0], 0.95), quantile(values, 0)) == (96, 3, 1)

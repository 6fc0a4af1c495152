"""Unit: distinct values beyond the bound, and sums."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from chalicelib.jobs.csv_profile.distinct import Distinct, hashes
from chalicelib.jobs.csv_profile.exact_sum import ExactSum, expansion

ProfileOf = Callable[..., dict[str, Any]]


def counted(cells: list[str], most: int, characters: int = 1 << 30, batch: int = 1000) -> Distinct:
    distinct = Distinct(most, characters)
    for start in range(0, len(cells), batch):
        distinct.add(set(cells[start : start + batch]))
    return distinct


def test_up_to_the_bound_the_count_is_exact_and_one_more_makes_it_an_estimate() -> None:
    cells = [str(i) for i in range(101)]
    at, past = counted(cells[:100] * 3, most=100), counted(cells, most=100)
    assert (len(at), at.is_estimate) == (100, False)
    assert past.is_estimate


@pytest.mark.parametrize("form", ["{}", "{:09d}", "user-{}@example.com", "2024-01-01T00:{:07d}", "é{}山"])
@pytest.mark.parametrize("number", [20_000, 150_000])
def test_the_estimate_is_within_five_percent_however_alike_the_cells_look(form: str, number: int) -> None:
    distinct = counted([form.format(i) for i in range(number)], most=5_000)
    assert len(distinct) == pytest.approx(number, rel=0.05)


def test_cells_seen_again_do_not_move_the_estimate() -> None:
    cells = [str(i) for i in range(30_000)]
    assert len(counted(cells * 3, most=5_000)) == len(counted(cells, most=5_000))


def test_the_estimate_does_not_depend_on_the_order() -> None:
    cells = [str(i) for i in range(30_000)]
    shuffled = random.Random(1).sample(cells, len(cells))
    assert len(counted(shuffled, most=5_000)) == len(counted(cells, most=5_000))


def test_long_cells_become_an_estimate_sooner() -> None:
    distinct = counted([f"{i:0500d}" for i in range(1000)], most=5_000, characters=100_000, batch=100)
    assert distinct.is_estimate
    assert len(distinct) == 1000, "fewer than the bound are counted by their hashes"


def test_cells_seen_again_take_no_more_memory() -> None:
    assert not counted(["x" * 1000] * 200, most=10, characters=1_000, batch=1).is_estimate


def test_another_process_has_the_same_hashes() -> None:
    code = "from chalicelib.jobs.csv_profile.distinct import hashes; print(list(hashes(['a', 'é', '1'])))"
    seeds = ("1", "2")
    printed = {subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True,
                              text=True, check=True).stdout for seed in seeds}  # fmt: skip
    assert printed == {f"{list(hashes(['a', 'é', '1']))}\n"}


def test_the_profile_says_which_count_is_an_estimate(profile_of: ProfileOf) -> None:
    rows = "".join(f"{i},{i % 7}\n" for i in range(30_000))
    many, few = profile_of("many,few\n" + rows)["columns"]
    assert many["distinct_is_estimate"] is True
    assert many["distinct"] == pytest.approx(30_000, rel=0.05)
    assert few["distinct"] == 7
    assert "distinct_is_estimate" not in few


def test_an_expansion_has_exactly_the_sum_of_its_values() -> None:
    chance = random.Random(2)
    values = [chance.uniform(-1, 1) * 10 ** chance.randrange(-300, 300) for _ in range(2_000)]
    exactly = sum(map(Fraction, values))
    parts = expansion(list(values))
    assert sum(map(Fraction, parts)) == exactly
    assert len(parts) < 50


def test_the_mean_does_not_depend_on_the_batches() -> None:
    chance = random.Random(3)
    values = [chance.uniform(-1e9, 1e9) for _ in range(5_000)]
    sums = [ExactSum(), ExactSum()]
    sums[0].add_floats(values)
    for value in reversed(values):
        sums[1].add_floats([value])
    assert sums[0].mean() == sums[1].mean() == float(sum(map(Fraction, values)) / len(values))

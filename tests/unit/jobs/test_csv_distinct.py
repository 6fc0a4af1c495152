"""Unit: distinct values beyond the bound, and sums."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from chalicelib.jobs.csv_profile.distinct import CELL_BYTES, Distinct, Memory, hashes
from chalicelib.jobs.csv_profile.exact_sum import ExactSum, expansion

ProfileOf = Callable[..., dict[str, Any]]


def memory_of(own_cells: int, shared_cells: int = 0, samples: int = 5_000) -> Memory:
    """Memory for so many cells of ten characters."""
    memory = Memory(1, shared=shared_cells * (CELL_BYTES + 10))
    memory.own, memory.samples = own_cells * (CELL_BYTES + 10), samples
    return memory


def counted(cells: list[str], memory: Memory, batch: int = 1000) -> Distinct:
    distinct = Distinct(memory)
    for start in range(0, len(cells), batch):
        distinct.add(set(cells[start : start + batch]))
    return distinct


def numbered(number: int) -> list[str]:
    return [f"{i:010d}" for i in range(number)]


def test_while_memory_lasts_the_count_is_exact_and_one_cell_more_makes_it_an_estimate() -> None:
    at, past = counted(numbered(100) * 3, memory_of(100)), counted(numbered(101), memory_of(100))
    assert (len(at), at.is_estimate) == (100, False)
    assert (len(past), past.is_estimate) == (101, True), "fewer than the samples are counted by their hashes"


def test_memory_is_lent_to_the_column_that_needs_it_and_comes_back() -> None:
    memory = memory_of(own_cells=10, shared_cells=100)
    large, small = Distinct(memory), Distinct(memory)
    large.add(set(numbered(110)))
    small.add(set(numbered(10)))
    assert (large.is_estimate, small.is_estimate) == (False, False)
    large.add({"one cell m"})
    assert large.is_estimate
    small.add(set(numbered(110)))
    assert (len(small), small.is_estimate) == (110, False)


def test_the_columns_of_a_wide_file_have_less_each() -> None:
    assert Memory(5).own == Memory(10).own == 10 * Memory(100).own
    assert Memory(5).samples > Memory(1_000).samples >= Memory(16_000).samples == 64


@pytest.mark.parametrize("form", ["{}", "{:09d}", "user-{}@example.com", "2024-01-01T00:{:07d}", "é{}山"])
@pytest.mark.parametrize("number", [20_000, 150_000])
def test_the_estimate_is_within_five_percent_however_alike_the_cells_look(form: str, number: int) -> None:
    distinct = counted([form.format(i) for i in range(number)], memory_of(5_000))
    assert distinct.is_estimate
    assert len(distinct) == pytest.approx(number, rel=0.05)


def test_cells_seen_again_do_not_move_the_estimate() -> None:
    assert len(counted(numbered(30_000) * 3, memory_of(5_000))) == len(counted(numbered(30_000), memory_of(5_000)))


def test_the_estimate_does_not_depend_on_the_order() -> None:
    shuffled = random.Random(1).sample(numbered(30_000), 30_000)
    assert len(counted(shuffled, memory_of(5_000))) == len(counted(numbered(30_000), memory_of(5_000)))


def test_cells_seen_again_take_no_more_memory() -> None:
    assert not counted(["one of ten"] * 200, memory_of(1), batch=1).is_estimate


def test_long_cells_become_an_estimate_sooner() -> None:
    assert counted([f"{i:0500d}" for i in range(500)], memory_of(1_000)).is_estimate


def test_another_process_has_the_same_hashes() -> None:
    code = "from chalicelib.jobs.csv_profile.distinct import hashes; print(list(hashes(['a', 'é', '1'])))"
    seeds = ("1", "2")
    printed = {subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True,
                              text=True, check=True).stdout for seed in seeds}  # fmt: skip
    assert printed == {f"{list(hashes(['a', 'é', '1']))}\n"}


def test_the_profile_says_which_count_is_an_estimate(profile_of: ProfileOf) -> None:
    rows = "".join(f"{i}-{'x' * 50},{i % 7}\n" for i in range(120_000))
    many, few = profile_of("many,few\n" + rows)["columns"]
    assert many["distinct_is_estimate"] is True
    assert many["distinct"] == pytest.approx(120_000, rel=0.05)
    assert many["distinct"] <= 120_000, "there are not more than rows"
    assert few["distinct"] == 7
    assert "distinct_is_estimate" not in few


def test_a_hundred_thousand_values_are_counted_to_the_last(profile_of: ProfileOf) -> None:
    [column] = profile_of("id\n" + "".join(f"{i}\n" for i in range(100_000)))["columns"]
    assert column["distinct"] == 100_000
    assert "distinct_is_estimate" not in column


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

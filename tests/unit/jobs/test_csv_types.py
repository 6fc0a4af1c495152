"""Unit: what the profiler takes a column for, and what it then says of it. Pure, milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

ProfileOf = Callable[..., dict[str, Any]]


def column(profile_of: ProfileOf, *cells: str, **options: Any) -> dict[str, Any]:
    """The profile of a column of these cells; a second one keeps empty cells from being blank lines."""
    rows = "".join(f'"{cell.replace(chr(34), chr(34) * 2)}",x\n' for cell in cells)
    found: dict[str, Any] = profile_of(f"a,b\n{rows}", **options)["columns"][0]
    return found


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2", "3"], "integer"),
        (["+1", "-2", "0", "-0", " 7 "], "integer"),
        ([str(10**37), "1"], "integer"),
        (["1", "2.5"], "number"),
        (["1e3", ".5", "2.", "-1.5E-7"], "number"),
        (["1" * 39], "number"),
        (["true", "FALSE", "Yes", "no"], "boolean"),
        (["2024-02-29", "2023-01-01"], "date"),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00", "2024-02-29T10:00:00.123+05:30"], "datetime"),
        (["2024-02-29T10:00:00.123456789Z", "2024-02-29 10:00:00 +02:00", "2024-02-29t10:00z"], "datetime"),
        (["2024-02-29", "2024-02-29T10:00:00Z"], "datetime"),
        (["a", "1"], "text"),
        (["1", "a"], "text"),
        (["1", "true"], "text"),
        (["2024-02-29", "1"], "text"),
        (["", "null", "NULL", "NA"], "empty"),
    ],
)
def test_a_column_has_the_narrowest_type_that_all_its_cells_are_written_as(
    profile_of: ProfileOf, cells: list[str], expected: str
) -> None:
    assert column(profile_of, *cells)["type"] == expected
    assert column(profile_of, *reversed(cells))["type"] == expected


@pytest.mark.parametrize(
    "cell",
    [
        "1_000", "١٢", "0x1f", "1,5", "1e999", "-1e999", "inf", "Infinity", "-nan", "007", "-00.5", "1 2",
        "1\n2", "2023-02-29", "2024-13-01", "2024-1-1", "20240229T10", "2024-W01-1", "2024-02-29x10:00",
        "2024-02-29T25:00", "2024-01-01\n2024-01-02", "2024-01-01\n2024-01-02T10:00",
        "10:30", "2024-02-29T10", "truely", "１",
    ],
)  # fmt: skip
def test_what_python_would_take_for_a_number_or_a_date_but_people_would_not_stays_text(
    profile_of: ProfileOf, cell: str
) -> None:
    found = column(profile_of, cell)
    assert (found["type"], found["min"], found["mean"]) == ("text", cell, None)


def test_minimum_and_maximum_have_the_column_s_type(profile_of: ProfileOf) -> None:
    def extremes(*cells: str) -> tuple[Any, Any]:
        found = column(profile_of, *cells)
        return found["min"], found["max"]

    assert extremes("9", "10") == (9, 10)
    assert [type(one) for one in extremes("9", "10.5")] == [float, float]
    assert extremes("true", "no") == (False, True)
    assert extremes("2024-03-01", "2024-02-29") == ("2024-02-29", "2024-03-01")
    assert extremes("b", "B", "a") == ("B", "b")
    assert extremes("9", "10", "x") == ("10", "x")
    assert extremes("") == (None, None)


def test_times_with_zones_are_compared_as_instants(profile_of: ProfileOf) -> None:
    found = column(profile_of, "2024-01-01T23:00:00-05:00", "2024-01-02T00:30:00+02:00", "2024-01-02")
    assert found["min"] == "2024-01-02T00:30:00+02:00"
    assert found["max"] == "2024-01-01T23:00:00-05:00"


def test_times_without_zones_stay_without_one(profile_of: ProfileOf) -> None:
    assert column(profile_of, "2024-01-01 10:00")["min"] == "2024-01-01T10:00:00"


def test_a_type_that_widens_many_rows_later_keeps_what_was_seen_before(profile_of: ProfileOf) -> None:
    many = 60_000  # several batches
    rows = [f"{i},2024-01-{i % 28 + 1:02d},{i},{i % 2 == 0}" for i in range(many)]
    rows.append("0.5,2023-12-31T23:59:59,zero,maybe")
    number, moment, text, was_boolean = profile_of("n,d,t,b\n" + "\n".join(rows))["columns"]
    assert (number["type"], number["min"], number["max"]) == ("number", 0.0, float(many - 1))
    assert number["mean"] == (many * (many - 1) / 2 + 0.5) / (many + 1)
    assert (moment["type"], moment["min"]) == ("datetime", "2023-12-31T23:59:59")
    assert (moment["max"], moment["distinct"]) == ("2024-01-28T00:00:00", 29)
    assert (text["type"], text["min"], text["max"], text["mean"]) == ("text", "0", "zero", None)
    assert (was_boolean["type"], was_boolean["min"], was_boolean["distinct"]) == ("text", "False", 3)


def test_nulls_are_empty_cells_and_the_word_null(profile_of: ProfileOf) -> None:
    found = column(profile_of, "a", "", "  ", "null", "NULL", "\\N", "b")
    assert (found["nulls"], found["distinct"], found["min"]) == (5, 2, "a")


def test_na_is_absent_among_numbers_and_a_word_among_words(profile_of: ProfileOf) -> None:
    number = column(profile_of, "1", "NA", "nan", "NaN", "3")
    assert (number["type"], number["nulls"], number["distinct"], number["mean"]) == ("integer", 3, 2, 2.0)
    country = column(profile_of, "NA", "DE", "NA", "")
    assert (country["type"], country["nulls"], country["distinct"], country["max"]) == ("text", 1, 2, "NA")


def test_distinct_counts_values_not_spellings(profile_of: ProfileOf) -> None:
    assert column(profile_of, "1", "1.0", "+1", "2")["distinct"] == 2
    assert column(profile_of, "yes", "TRUE", "true")["distinct"] == 1
    assert column(profile_of, "a", " a", "A")["distinct"] == 2


@pytest.mark.parametrize(
    ("cells", "mean"),
    [
        (["0.1"] * 10, 0.1),
        (["1e16", "1", "-1e16", "1"], 0.5),
        (["1e308", "1e308", "1e308"], 1e308),
        (["1.7e308", "-1.7e308", "3"], 1.0),
        ([str(10**37), str(10**37 + 2)], float(10**37 + 1)),
        (["9007199254740993", "9007199254740993"], 9007199254740992.0),
        (["1", "2"], 1.5),
        (["a"], None),
    ],
)
def test_the_mean_is_of_an_exact_sum(profile_of: ProfileOf, cells: list[str], mean: float | None) -> None:
    assert column(profile_of, *cells)["mean"] == mean


def test_long_texts_are_cut_where_they_are_shown(profile_of: ProfileOf) -> None:
    found = column(profile_of, "é" * 5000)
    assert found["max"] == "é" * 100 + "…"


def test_the_profile_is_json(profile_of: ProfileOf) -> None:
    found = profile_of("i,n,b,d,t,s,e\n1,1.5,true,2024-01-01,2024-01-01T00:00Z,x,\n")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [one["type"] for one in found["columns"]] == [
        "integer", "number", "boolean", "date", "datetime", "text", "empty",
    ]  # fmt: skip
    assert list(found["columns"][0]) == ["name", "type", "nulls", "distinct", "min", "max", "mean"]

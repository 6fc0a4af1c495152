"""Unit: the profiler against a slow one that does the obvious with each cell. Generated; a second."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ProfileOf = Callable[..., dict[str, Any]]

ABSENT = ["", "NULL", "null", "Null", "\\N", "N/A", "n/a", "#N/A", "NaN", "nan"]
TYPES: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "integer": (re.compile(r"[+-]?(0|[1-9]\d{0,37})"), int),
    "number": (re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?"), float),
    "boolean": (re.compile(r"(?i:true|false|yes|no)"), lambda cell: cell.lower() in ("true", "yes")),
    "date": (re.compile(r"\d{4}-\d\d-\d\d"), lambda cell: dt.date.fromisoformat(cell).isoformat()),
}


def slow_column(name: str, given: list[str]) -> dict[str, Any]:
    cells = [cell.strip() for cell in given]
    present = [cell for cell in cells if cell not in ABSENT]
    fitting = [kind for kind, (pattern, _) in TYPES.items() if all(map(pattern.fullmatch, present))]
    kind = "empty" if not present else fitting[0] if fitting else "text"
    values: list[Any] = [TYPES[kind][1](cell) for cell in present] if kind in TYPES else present
    numeric = kind in ("integer", "number")
    return {
        "name": name,
        "type": kind,
        "nulls": len(cells) - len(present),
        "distinct": len(set(present)),
        "min": min(values, default=None),
        "max": max(values, default=None),
        "mean": pytest.approx(float(sum(map(Fraction, values)) / len(values)), rel=1e-12, abs=1e-6)
        if numeric
        else None,
    }


def column_of(cell: st.SearchStrategy[str]) -> st.SearchStrategy[st.SearchStrategy[str]]:
    return st.just(st.one_of(cell, cell, cell, st.sampled_from([*ABSENT, "NA", "None", "  "])))


INTEGERS = st.integers(-(10**20), 10**20).map(str)
NUMBERS = st.one_of(INTEGERS, st.floats(-1e15, 1e15).map(lambda value: f"{value:.4f}"), st.just(" 1.5e3 "))
DATES = st.dates().map(lambda day: f"{day.year:04d}-{day.month:02d}-{day.day:02d}")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6)
AWKWARD = st.sampled_from(['"', ",", "a\nb", "x\r\ny", "é;|\t", "#", "'"])
COLUMNS = st.one_of(
    column_of(INTEGERS), column_of(NUMBERS), column_of(DATES), column_of(st.sampled_from(["true", "No", "YES"])),
    column_of(st.one_of(WORDS, AWKWARD)), column_of(st.one_of(INTEGERS, DATES, WORDS)),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    columns = draw(st.lists(COLUMNS, min_size=2, max_size=4))
    return draw(st.lists(st.tuples(*columns).map(list), max_size=12))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables(), chunk=st.integers(1, 40))
def test_every_table_has_the_profile_that_the_slow_way_finds(
    profile_of: ProfileOf, rows: list[list[str]], chunk: int
) -> None:
    width = len(rows[0]) if rows else 2
    header = [f"c{i}" for i in range(width)]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    found = profile_of(text.getvalue(), chunk=chunk)
    assert found == {"rows": len(rows), "columns": [slow_column(name, [row[i] for row in rows])
                                                   for i, name in enumerate(header)]}  # fmt: skip


def load_make_csv() -> Any:
    path = Path(__file__).parents[3] / "examples" / "make_csv.py"
    spec = importlib.util.spec_from_file_location("make_csv", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_example_file_has_the_profile_the_slow_way_finds(profile_of: ProfileOf, delimiter: str) -> None:
    text = io.StringIO()
    count = load_make_csv().write_csv(text, 400_000, delimiter=delimiter)
    found = profile_of(text.getvalue())
    assert found["rows"] == count
    rows = list(csv.DictReader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter))
    for column in found["columns"]:
        if column["type"] != "datetime":  # the one type the slow way does not know
            assert column == slow_column(column["name"], [row[column["name"]] for row in rows])
    assert [one["type"] for one in found["columns"]] == [
        "integer", "integer", "number", "number", "date", "datetime", "boolean", "text", "text", "text",
    ]  # fmt: skip


def test_the_example_file_is_the_same_for_the_same_seed_and_about_as_large_as_asked() -> None:
    def written(seed: int) -> str:
        text = io.StringIO()
        load_make_csv().write_csv(text, 200_000, seed=seed)
        return text.getvalue()

    assert written(1) == written(1) != written(2)
    assert 200_000 <= len(written(1).encode()) < 205_000

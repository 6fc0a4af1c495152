"""Unit: what the profiler takes a CSV and its columns for. Pure, a second."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.jobs import csv_profile
from chalicelib.jobs.csv_profile import Distinct, hashed, names

ProfileOf = Callable[..., dict[str, Any]]


def column(profile_of: ProfileOf, *cells: str, **options: Any) -> dict[str, Any]:
    """The profile of a column of these cells; a second one keeps empty cells from being blank lines."""
    rows = "".join(f'"{cell.replace(chr(34), chr(34) * 2)}",x\n' for cell in cells)
    found: dict[str, Any] = profile_of(f"a,b\n{rows}", **options)["columns"][0]
    return found


def shape(found: dict[str, Any]) -> tuple[int, list[tuple[str, int, Any, Any]]]:
    return found["rows"], [(one["name"], one["nulls"], one["min"], one["max"]) for one in found["columns"]]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["+1", "-2", "0", "-0", " 7 "], "integer"),
        ([str(10**37), "1"], "integer"),
        (["1", "2.5"], "number"),
        (["1e3", ".5", "2.", "-1.5E-7"], "number"),
        (["1" * 39], "number"),
        (["true", "FALSE", "Yes", "no"], "boolean"),
        (["2024-02-29", "2023-01-01"], "date"),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00", "2024-02-29T10:00:00.123+05:30"], "datetime"),
        (["2024-02-29", "2024-02-29T10:00:00Z"], "datetime"),
        (["a", "1"], "text"),
        (["1", "true"], "text"),
        (["2024-02-29", "1"], "text"),
        (["", "null", "NULL", "NaN"], "empty"),
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
        "1_000", "١٢", "0x1f", "1,5", "1e999", "inf", "-nan", "007", "-00.5", "1 2", "1\n2", "2023-02-29", "2024-13-01",
        "2024-1-1", "20240229T10", "2024-W01-1", "2024-02-29x10:00", "2024-02-29T25:00", "2024-01-01\n2024-01-02",
        "10:30", "2024-02-29T10", "truely", "１", "NA", "None",
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
    assert extremes("é" * 5000)[1] == "é" * 100 + "…"


def test_times_are_compared_as_instants_and_count_as_utc_without_a_zone(profile_of: ProfileOf) -> None:
    found = column(profile_of, "2024-01-01T23:00:00-05:00", "2024-01-02T00:30:00+02:00", "2024-01-02")
    assert found["min"] == "2024-01-02T00:30:00+02:00"
    assert found["max"] == "2024-01-01T23:00:00-05:00"
    assert column(profile_of, "2024-01-01 10:00")["min"] == "2024-01-01T10:00:00+00:00"


def test_a_type_that_widens_many_rows_later_keeps_what_was_seen_before(profile_of: ProfileOf) -> None:
    many = 40_000  # several batches
    rows = [f"{i},2024-01-{i % 28 + 1:02d},{i},{i % 2 == 0}" for i in range(many)]
    rows.append("0.5,2023-12-31T23:59:59,zero,maybe")
    number, moment, text, was_boolean = profile_of("n,d,t,b\n" + "\n".join(rows))["columns"]
    assert (number["type"], number["min"], number["max"]) == ("number", 0.0, float(many - 1))
    assert number["mean"] == pytest.approx((many * (many - 1) / 2 + 0.5) / (many + 1))
    assert (moment["type"], moment["min"]) == ("datetime", "2023-12-31T23:59:59+00:00")
    assert (moment["max"], moment["distinct"]) == ("2024-01-28T00:00:00+00:00", 29)
    assert (text["type"], text["min"], text["max"], text["mean"]) == ("text", "0", "zero", None)
    assert (was_boolean["type"], was_boolean["min"], was_boolean["distinct"]) == ("text", "False", 3)


def test_nulls_are_empty_cells_and_words_for_them_but_not_what_may_be_a_name(profile_of: ProfileOf) -> None:
    found = column(profile_of, "a", "", "  ", "null", "NULL", "\\N", "NaN", "NA")
    assert (found["nulls"], found["distinct"], found["min"]) == (6, 2, "NA")


@pytest.mark.parametrize(
    ("cells", "mean"),
    [(["0.1"] * 10, 0.1), (["1e16", "1", "-1e16", "1"], 0.5), ([str(10**37), str(10**37 + 2)], float(10**37 + 1)),
     (["1", "NaN", "2"], 1.5), (["a"], None)],
)  # fmt: skip
def test_the_mean_is_of_what_is_there(profile_of: ProfileOf, cells: list[str], mean: float | None) -> None:
    assert column(profile_of, *cells)["mean"] == mean


def test_the_profile_is_json(profile_of: ProfileOf) -> None:
    found = profile_of("i,n,b,d,t,s,e\n1,1.5,true,2024-01-01,2024-01-01T00:00Z,x,\n")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [one["type"] for one in found["columns"]] == [
        "integer", "number", "boolean", "date", "datetime", "text", "empty",
    ]  # fmt: skip
    assert list(found["columns"][0]) == ["name", "type", "nulls", "distinct", "min", "max", "mean"]


AWKWARD = 'naïve,"quoted\nline","ends ""so"""\n"é,\r\n😀",山田,\n'


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-with-mark"])
def test_characters_quotes_and_line_ends_cut_by_a_chunk_are_whole_again(
    profile_of: ProfileOf, chunk: int, encoding: str
) -> None:
    body = AWKWARD.encode(encoding) if "mark" not in encoding else b"\xfe\xff" + AWKWARD.encode("utf-16-be")
    found = profile_of(body, chunk=chunk)
    assert found["rows"] == 1
    assert [(one["name"], one["nulls"], one["max"]) for one in found["columns"]] == [
        ("naïve", 0, "é,\r\n😀"), ("quoted\nline", 0, "山田"), ('ends "so"', 1, None),
    ]  # fmt: skip


def test_rows_cut_by_a_buffer_or_a_batch_are_whole_again(profile_of: ProfileOf) -> None:
    rows = 30_000
    body = "id,note\n" + "".join(f'{i},"é\n{i:06d}"\n' for i in range(rows))
    found = profile_of(body, chunk=9973)
    assert shape(found) == (rows, [("id", 0, 0, rows - 1), ("note", 0, "é\n000000", f"é\n{rows - 1:06d}")])


def test_an_encoding_that_no_mark_tells_can_be_named(profile_of: ProfileOf) -> None:
    body = "name\ncafé\n".encode("cp1252")
    assert profile_of(body, encoding="cp1252")["columns"][0]["min"] == "café"
    with pytest.raises(ValueError, match=r"not UTF-8: byte 0xe9 .* name its `encoding`"):
        profile_of(body)
    for unknown in ("klingon", "base64"):
        with pytest.raises(ValueError, match=f"'{unknown}' is not the name of a text encoding"):
            profile_of(body, encoding=unknown)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_ends_a_line_and_the_last_one_may_be_missing(
    profile_of: ProfileOf, end: str, last: bool
) -> None:
    body = f"a,b{end}1,2{end}3,4" + (end if last else "")
    assert shape(profile_of(body)) == (2, [("a", 0, 1, 3), ("b", 0, 2, 4)])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter_whatever_the_cells_hold(profile_of: ProfileOf, delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(["id", "note"])
    writer.writerows([i, f"a, b; c | d\t{i}"] for i in range(50))
    found = profile_of(text.getvalue())
    assert [one["name"] for one in found["columns"]] == ["id", "note"]
    assert "ragged_rows" not in found


def test_a_delimiter_that_was_asked_for_is_used(profile_of: ProfileOf) -> None:
    assert shape(profile_of("a:b\n1:2\n", delimiter=":")) == (1, [("a", 0, 1, 1), ("b", 0, 2, 2)])


def test_spaces_and_tabs_are_what_they_look_like(profile_of: ProfileOf) -> None:
    assert shape(profile_of('a, b\n1, "x, y"\n')) == (1, [("a", 0, 1, 1), ("b", 0, "x, y", "x, y")])
    _, columns = shape(profile_of("a\tb\tc\n1\t\t3\n"))
    assert columns == [("a", 0, 1, 1), ("b", 1, None, None), ("c", 0, 3, 3)]
    assert profile_of("a,b\nx\u2028y\x0bz\x85w\x00,1\n")["columns"][0]["max"] == "x\u2028y\x0bz\x85w\x00"


def test_names_are_never_empty_and_never_equal() -> None:
    assert names(["a", "", " a ", "b", ""]) == ["a", "column_2", "a_2", "b", "column_5"]
    assert names(["a", "a_2", "a", "a"]) == ["a", "a_2", "a_3", "a_4"]
    assert names(["column_2", ""]) == ["column_2", "column_2_2"]


def test_ragged_rows_are_evened_out_and_counted_and_blank_lines_are_none(profile_of: ProfileOf) -> None:
    found = profile_of("\n\na,b\n1,2\n\n3\n4,5,6\n\r\n7,8,9,10\n\n")
    assert shape(found) == (4, [("a", 0, 1, 7), ("b", 1, 2, 8)])
    assert found["ragged_rows"] == 3


def test_no_rows_and_no_columns_are_counted_as_such(profile_of: ProfileOf) -> None:
    assert profile_of("") == {"rows": 0, "columns": []}
    assert profile_of("\ufeff") == {"rows": 0, "columns": []}
    found = profile_of("a,b")
    assert (found["rows"], [one["type"] for one in found["columns"]]) == (0, ["empty", "empty"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('a,b\n1,"2\n' + "3,4\n" * 500_000, "is a quote left open"),
        ("x" * (5 << 20), "line 1 is longer than 4 million characters"),
        (",".join("x" * 20_000) + "\n", "20000 columns"),
    ],
)
def test_what_is_no_csv_is_refused_before_it_fills_the_memory(profile_of: ProfileOf, body: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        profile_of(body)


def test_distinct_cells_are_counted_to_the_last_while_they_fit_and_estimated_then(
    profile_of: ProfileOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 6_000  # the real one is as good, but takes seconds
    monkeypatch.setattr(csv_profile, "MOST_EXACT", most)
    [column] = profile_of("id\n" + "".join(f"{i}\n" for i in range(most)))["columns"]
    assert (column["distinct"], "distinct_is_estimate" in column) == (most, False)
    many, few = profile_of("many,few\n" + "".join(f"{i}-x,{i % 7}\n" for i in range(2 * most)))["columns"]
    assert many["distinct_is_estimate"] is True
    assert many["distinct"] == pytest.approx(2 * most, rel=0.06)
    assert many["distinct"] <= 2 * most, "there are not more than rows"
    assert (few["distinct"], "distinct_is_estimate" in few) == (7, False)


@pytest.mark.parametrize("form", ["{}", "{:09d}", "user-{}@example.com", "é{}山"])
def test_the_estimate_is_near_however_alike_the_cells_look_and_does_not_depend_on_repeats(form: str) -> None:
    once, thrice = Distinct(5_000), Distinct(5_000)
    cells = [form.format(i) for i in range(60_000)]
    for start in range(0, len(cells), 1_000):
        once.add(cells[start : start + 1_000])
    for _ in range(3):
        thrice.add(reversed(cells))
    assert once.count == thrice.count == pytest.approx(60_000, rel=0.06)


def test_the_columns_of_a_wide_file_have_less_memory_each(profile_of: ProfileOf) -> None:
    rows = "\n".join(f"{i}{',x' * 99}" for i in range(8_000))
    found = profile_of("many" + ",c" * 99 + "\n" + rows)["columns"]
    assert (found[0]["distinct_is_estimate"], found[1]["distinct"]) == (True, 1)
    assert found[0]["distinct"] == pytest.approx(8_000, rel=0.08)


def test_another_process_has_the_same_hashes() -> None:
    code = "from chalicelib.jobs.csv_profile import hashed; print(hashed('é'))"
    printed = subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": "1"}, capture_output=True, text=True,
                             check=True).stdout  # fmt: skip
    assert printed == f"{hashed('é')}\n"

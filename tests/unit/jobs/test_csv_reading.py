"""Unit: from bytes to rows. Encodings, delimiters, quotes, headers, ragged rows, files that are no CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.jobs.csv_profile.reading import sniff
from chalicelib.jobs.csv_profile.rows import names

ProfileOf = Callable[..., dict[str, Any]]


def shape(found: dict[str, Any]) -> tuple[int, list[tuple[str, int, Any, Any]]]:
    return found["rows"], [(one["name"], one["nulls"], one["min"], one["max"]) for one in found["columns"]]


AWKWARD = 'naïve,"quoted\nline","ends ""so"""\n"é,\r\n😀",山田,\n'


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
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
    with pytest.raises(ValueError, match="'klingon' is not the name of a text encoding"):
        profile_of(body, encoding="klingon")
    with pytest.raises(ValueError, match="'base64' is not the name of a text encoding"):
        profile_of(body, encoding="base64")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_ends_a_line_and_the_last_one_may_be_missing(
    profile_of: ProfileOf, end: str, last: bool
) -> None:
    body = f"a,b{end}1,2{end}3,4" + (end if last else "")
    assert shape(profile_of(body)) == (2, [("a", 0, 1, 3), ("b", 0, 2, 4)])


def test_other_line_separators_of_unicode_are_part_of_a_cell(profile_of: ProfileOf) -> None:
    assert profile_of("a,b\nx\u2028y\x0bz\x85w,1\n")["columns"][0]["max"] == "x\u2028y\x0bz\x85w"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_whatever_else_the_cells_hold(profile_of: ProfileOf, delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(["id", "note"])
    writer.writerows([i, f"a, b; c | d\t{i}"] for i in range(50))
    found = profile_of(text.getvalue())
    assert [one["name"] for one in found["columns"]] == ["id", "note"]
    assert "ragged_rows" not in found


def test_decimal_commas_do_not_make_a_semicolon_file_a_comma_file() -> None:
    assert sniff("a;b\n1,5;2,5\n3,5;4,5\n") == ";"
    assert sniff("a;b\n" + "1,5;2,5\n" * 9 + "1,5;2,5;\n" * 3) == ";", "though it cuts the rows less evenly"


def test_one_column_needs_no_delimiter(profile_of: ProfileOf) -> None:
    assert shape(profile_of("name\nAda\nZoë\n")) == (2, [("name", 0, "Ada", "Zoë")])


def test_a_delimiter_that_was_asked_for_is_used(profile_of: ProfileOf) -> None:
    assert shape(profile_of("a:b\n1:2\n", delimiter=":")) == (1, [("a", 0, 1, 1), ("b", 0, 2, 2)])


def test_a_space_after_the_delimiter_does_not_hide_a_quote(profile_of: ProfileOf) -> None:
    assert shape(profile_of('a, b\n1, "x, y"\n')) == (1, [("a", 0, 1, 1), ("b", 0, "x, y", "x, y")])


def test_an_empty_cell_between_tabs_stays_a_cell(profile_of: ProfileOf) -> None:
    _, columns = shape(profile_of("a\tb\tc\n1\t\t3\n"))
    assert columns == [("a", 0, 1, 1), ("b", 1, None, None), ("c", 0, 3, 3)]


def test_names_are_never_empty_and_never_equal() -> None:
    assert names(["a", "", " a ", "b", ""]) == ["a", "column_2", "a_2", "b", "column_5"]
    assert names(["a", "a", "a_2", "a"]) == ["a", "a_3", "a_2", "a_4"]
    assert names(["column_2", ""]) == ["column_2", "column_2_2"]


def test_ragged_rows_are_evened_out_and_counted(profile_of: ProfileOf) -> None:
    found = profile_of("a,b\n1,2\n3\n4,5,6\n7,8,9,10\n")
    assert shape(found) == (4, [("a", 0, 1, 7), ("b", 1, 2, 8)])
    assert found["ragged_rows"] == 3


def test_blank_lines_are_no_rows(profile_of: ProfileOf) -> None:
    assert shape(profile_of("\n\na,b\n\n1,2\n\r\n3,4\n\n")) == (2, [("a", 0, 1, 3), ("b", 0, 2, 4)])


def test_no_rows_and_no_columns_are_counted_as_such(profile_of: ProfileOf) -> None:
    assert profile_of("") == {"rows": 0, "columns": []}
    assert profile_of("\ufeff") == {"rows": 0, "columns": []}
    found = profile_of("a,b")
    assert (found["rows"], [one["type"] for one in found["columns"]]) == (0, ["empty", "empty"])


def test_nul_characters_are_part_of_a_cell(profile_of: ProfileOf) -> None:
    assert profile_of("a,b\nx\x00y,1\n")["columns"][0]["min"] == "x\x00y"


def test_a_quote_left_open_is_refused_before_it_has_swallowed_the_file(profile_of: ProfileOf) -> None:
    with pytest.raises(ValueError, match="is a quote left open"):
        profile_of('a,b\n1,"2\n' + "3,4\n" * 500_000)


def test_a_line_too_long_to_be_one_is_refused(profile_of: ProfileOf) -> None:
    with pytest.raises(ValueError, match="a line is longer than 4 MB"):
        profile_of(b"x" * (9 << 20))


def test_too_many_columns_are_refused(profile_of: ProfileOf) -> None:
    with pytest.raises(ValueError, match="20000 columns"):
        profile_of(",".join("x" * 20_000) + "\n")

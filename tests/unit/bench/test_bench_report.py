"""The documents' tables stand between markers, and are those of the benchmark's last whole run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import model, report
from bench.bars import BARS


def test_a_table_is_put_between_its_markers_and_again_over_the_old_one(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- bench:a -->\nold\n<!-- end -->\nafter\n")
    for _ in range(2):
        report.fill(document, {"a": "| new |"})
    assert document.read_text() == "before\n<!-- bench:a -->\n| new |\n<!-- end -->\nafter\n"


def test_a_document_without_the_table_s_place_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("nothing\n")
    with pytest.raises(ValueError, match="0 places for the table a"):
        report.fill(document, {"a": "x"})


def test_the_documents_have_a_place_for_every_table() -> None:
    places = {
        report.PERFORMANCE: set(report.TABLES),
        report.SCALE: {*model.tables(), "check"},
    }
    for document, names in places.items():
        found = dict(re.findall(r"<!-- bench:(\w+) -->\n(.*?)<!-- end -->", document.read_text(), re.DOTALL))
        assert set(found) == names


def test_a_table_in_the_document_holds_every_bar() -> None:
    text = report.PERFORMANCE.read_text()
    table = text.partition("<!-- bench:ratios -->")[2].partition("<!-- end -->")[0]
    rows = [line.split(" | ") for line in table.strip().splitlines()[2:]]
    for bar, row in zip(BARS, rows, strict=True):
        assert bar.what in row[0]
        assert bar.holds(float(row[1].split()[0])), f"{bar.key} in docs/explanation/performance.md"


def test_the_scale_page_holds_the_model_s_tables() -> None:
    tables = dict(re.findall(r"<!-- bench:(\w+) -->\n(.*?)\n?<!-- end -->", report.SCALE.read_text(), re.DOTALL))
    del tables["check"]  # the machine's own
    assert tables == model.tables()

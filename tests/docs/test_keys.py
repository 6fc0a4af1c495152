"""The pages of functions.toml and stages.toml say of each key what its struct says."""

from __future__ import annotations

import re

import pytest

from chalicelib.functions import Function, Retry, Statement
from infra.paths import ROOT
from infra.stages import Stage
from tests.docs.keys import rows

REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("functions-toml.md", [*rows(Function, without=("name",)), *rows(Retry), *rows(Statement)]),
        ("stages-toml.md", rows(Stage, without=("name",))),
    ],
)
def test_a_page_has_a_row_for_each_key_with_its_type_default_and_meaning(page: str, expected: list[str]) -> None:
    there = re.findall(r"^\| `.*\|$", (REFERENCE / page).read_text(), re.MULTILINE)
    assert there == expected, "the rows it should have:\n" + "\n".join(expected)

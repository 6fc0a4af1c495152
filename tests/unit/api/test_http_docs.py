"""docs/reference/http.md says what there is: every operation and every field. Problems and limits: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib.api import schemas
from chalicelib.api.openapi import answers
from chalicelib.api.routes import entries

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text()


@pytest.mark.parametrize("entry", entries(app), ids=lambda e: f"{e.method} {e.uri_pattern}")
def test_every_operation_is_in_the_table(entry: Any) -> None:
    path = entry.uri_pattern
    short = "/" + path.rpartition("/")[2]
    table = TEXT[: TEXT.index("## Start a run")]
    assert path in table or f"`{short}`" in table


def test_every_field_is_told() -> None:
    for field in (*schemas.StartRequest.__struct_fields__, *answers.Run.__struct_fields__):
        assert f"`{field}`" in TEXT


def test_every_call_of_curl_is_one_that_there_is() -> None:
    for method, url in re.findall(r"curl(?: -[a-zA-Z]+)*(?: -X (\w+))?[^\n]*?\$ONCE_URL(/[^\s\"?\\]*)", TEXT):
        path = re.sub(r"run_[a-z2-7]{26}", "{run_id}", url)
        path = re.sub(r"/tokens/\w+", "/tokens/{token_id}", re.sub(r"/functions/\w+", "/functions/{name}", path))
        assert path in app.routes, url
        assert not method or method in app.routes[path]

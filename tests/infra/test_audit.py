"""`make audit` says that there are no known holes only where a database was asked that knows of any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.ship import audit

KNOWS = json.dumps({"dependencies": [{"name": "jinja2", "vulns": [{"id": "CVE-2014-0012"}]}]})
KNOWS_NONE = json.dumps({"dependencies": [{"name": "jinja2", "vulns": []}]})
SKIPPED = json.dumps({"dependencies": [{"name": "jinja2", "skip_reason": "not found"}]})


def program(directory: Path, answer: str, code: int) -> Path:
    """A pip-audit that answers so about what is known, and ends with `code` about our libraries."""
    file = directory / "pip-audit"
    file.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--require-hashes*) touch asked; exit {code};; esac\ncat <<'END'\n{answer}\nEND\n"
    )
    file.chmod(0o700)
    return file


@pytest.mark.parametrize("answer", [KNOWS_NONE, SKIPPED, "", "<html>", "{}"])
def test_a_database_that_tells_of_no_hole_is_none(
    tmp_path: Path, answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert audit.pip_audit(program(tmp_path, answer, 0)) == audit.UNASKED
    assert "not asked" in capsys.readouterr().out and not Path("asked").exists()


@pytest.mark.parametrize("code", [0, 1])
def test_one_that_does_is_asked(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert audit.pip_audit(program(tmp_path, KNOWS, code)) == code
    assert Path("asked").exists()


@pytest.mark.parametrize(
    ("codes", "together"), [([0, 0], 0), ([0, 3], 3), ([3, 1], 1), ([0, 2], 1), ([3, 127], 1), ([-9], 1)]
)
def test_what_was_found_counts_more_than_what_was_not_asked(codes: list[int], together: int) -> None:
    assert audit.verdict(codes) == together

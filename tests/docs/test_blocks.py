"""Each page's blocks run as they stand, in order, in a clean directory, against the deployed service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.docs.blocks import Session, blocks, try_block
from tests.service import Service

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", *(ROOT / "docs/how-to").glob("*.md")]
    if blocks(page)
)
BIN = ROOT / ".venv" / "bin"


@pytest.mark.stack
@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run_as_they_stand(page: str, service: Service, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ONCE_", "AWS_", "PYTHON"))}
    env |= service.env | {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")  # what README's reader stands in: a checkout, after `make run`
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/once.env").write_text("".join(f"{name}={value}\n" for name, value in service.env.items()))
    session = Session(tmp_path, env, str(BIN / "python"))
    for block in blocks(ROOT / page):
        try_block(block, session)

"""The tutorial, as a newcomer follows it: in a checkout of its own, on a service of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.docs.blocks import Session, blocks, try_block

PAGE = ROOT / "docs/tutorial/first-function.md"


def checkout(place: Path) -> Path:
    """What git tracks here, as it is now, with this checkout's virtualenvs as hard links, their paths changed."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    for venv in (".venv", ".local/emulator", ".local/uv"):
        if not (ROOT / venv).exists():  # there is a machine without uv
            continue
        (place / venv).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-al", str(ROOT / venv), str(place / venv)], check=True)
        for file in [*(place / venv / "bin").iterdir(), *(place / venv / "lib").glob("python*/site-packages/*.pth")]:
            _point_at(file, place)
    stamp = (
        "from infra import venvs\nfor e in [venvs.project('run'), venvs.project('dev'), venvs.listed('emulator')]:\n"
    )
    stamp += "    e.stamp.unlink(missing_ok=True)\n    e.stamp.write_text(e.wanted())\n"
    subprocess.run([sys.executable, "-c", stamp], cwd=place, check=True)
    return place


def _point_at(file: Path, place: Path) -> None:
    if file.is_symlink() or not file.is_file() or str(ROOT).encode() not in (text := file.read_bytes()):
        return
    mode = file.stat().st_mode
    file.unlink()  # never write through the hard link
    file.write_bytes(text.replace(str(ROOT).encode(), str(place).encode()))
    file.chmod(mode)


@pytest.mark.slow
def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    place = checkout(tmp_path / "invoke-once")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ONCE_", "AWS_", "PYTHON", "VIRTUAL_ENV"))}
    env |= {"HOME": str(tmp_path)}
    session = Session(place, env, str(place / ".venv/bin/python"))
    try:
        subprocess.run(["make", "run"], cwd=place, env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
        for block in blocks(PAGE):
            try_block(block, session)
        assert re.search(r"run\.succeeded +run_\S+ +invoices +verified", (place / "told.txt").read_text())
    finally:
        subprocess.run(["make", "down"], cwd=place, env=env, stdout=subprocess.DEVNULL, timeout=120)

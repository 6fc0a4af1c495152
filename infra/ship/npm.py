"""Packages from npm, as a directory's package-lock.json pins them, in its node_modules."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from infra.paths import LOCAL

PATIENCE_S = 300


class NpmMissing(Exception):
    """npm is not there: install Node.js 22 or newer, with npm."""


def installed(directory: Path, *options: str) -> Path:
    """node_modules, installed where it is not what the lock file says. One process at a time: the others wait.

    NpmMissing; CalledProcessError where npm refuses.
    """
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "npm.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not _is_installed(directory):
            if shutil.which("npm") is None:
                raise NpmMissing(str(NpmMissing.__doc__))
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *options]
            subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
                           timeout=PATIENCE_S)  # fmt: skip
    return directory / "node_modules"


def _is_installed(directory: Path) -> bool:
    told = directory / "node_modules" / ".package-lock.json"  # npm writes it last
    if not told.exists():
        return False
    wanted = json.loads((directory / "package-lock.json").read_text())["packages"]
    found = json.loads(told.read_text())["packages"]
    return all(
        found.get(name, {}).get("version") == package.get("version")
        for name, package in wanted.items()
        if name and not package.get("optional")  # of other systems
    )

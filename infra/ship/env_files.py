"""Files of KEY=value lines that hold secrets: readable by their owner alone, from their first byte on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def read_env(file: Path) -> dict[str, str]:
    """The settings in a file of KEY=value lines; none if there is no file."""
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write_private(file: Path, settings: Mapping[str, str]) -> None:
    """The file holds these and nothing else, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.writelines(f"{name}={value}\n" for name, value in settings.items())
    new.replace(file)

"""What a process printed, read back."""

from __future__ import annotations

import json
from typing import Any

import pytest


def lines(capsys: pytest.CaptureFixture[str], event: str | None = None) -> list[dict[str, Any]]:
    """Its log lines since the last reading; those of one event, where it is named."""
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in told if event in (None, line["event"])]

"""What every refusal has in common, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.api.world import Answered, World


@pytest.fixture(autouse=True)
def nothing_is_left(world: World) -> Iterator[None]:
    """No input of a file that imports this makes a run or fires anything."""
    yield
    assert world.bench.table.writes == 0 and not world.targets.fired


def refused(answer: Answered, status: int, name: str | None = None) -> Any:
    """The problem, after looking at what every problem has."""
    assert answer.status == status, f"{answer.status} {answer.text[:200]}"
    problem = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem["status"] == status and problem["type"].startswith("urn:invoke-once:") and problem["title"]
    assert "Traceback" not in answer.text and "Error" not in problem["title"]
    if name is not None:
        assert problem["type"] == f"urn:invoke-once:{name}"
    return problem

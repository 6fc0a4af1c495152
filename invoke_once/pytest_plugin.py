"""The fixture `once_bench`, for whoever has invoke-once and pytest installed (the entry point `pytest11`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from invoke_once.testing import Bench


@pytest.fixture
def once_bench() -> Bench:
    """A `Bench` of its own for each test: an in-memory store, a clock that you step."""
    from invoke_once.testing import Bench

    return Bench()

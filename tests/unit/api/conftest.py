from __future__ import annotations

import pytest

from app import app
from tests.unit.api.world import World


@pytest.fixture
def world() -> World:
    return World(app)

"""The finished template with its values filled in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws.filled import Filled


@pytest.fixture
def filled(template: dict[str, Any]) -> Filled:
    return Filled(template)

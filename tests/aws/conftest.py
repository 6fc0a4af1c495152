"""The finished templates, packaged once a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra import stages
from infra.ship import package
from tests.aws.filled import Filled


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Of the stage `prod`."""
    return json.loads(package.package(stages.load("prod")).template.read_text())  # type: ignore[no-any-return]


@pytest.fixture
def filled(template: dict[str, Any]) -> Filled:
    return Filled(template)

"""How long the machine looks: `dev` for a look in between, `ci` for every change, `nightly` for a long one.

`ci` is the same search each time, so that a change fails for what it changed; `dev` and `nightly` are new each time.
Chosen by ONCE_MACHINE, `ci` by default.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

STEPS = 50
_PHASES = (Phase.generate, Phase.shrink)  # not `explain`, which traces every line
_ALWAYS = settings(
    stateful_step_count=STEPS, deadline=None, database=None, phases=_PHASES, print_blob=False,
    report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
)  # fmt: skip
PROFILES = {
    "dev": settings(_ALWAYS, max_examples=100, derandomize=False),
    "ci": settings(_ALWAYS, max_examples=560, derandomize=True),
    "nightly": settings(_ALWAYS, max_examples=20_000, derandomize=False),
}


@pytest.fixture(scope="session")
def profile() -> settings:
    return PROFILES[os.environ.get("ONCE_MACHINE", "ci")]

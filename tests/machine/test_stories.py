"""Each rare interleaving, on the real code."""

from __future__ import annotations

import pytest

from tests.machine.machine import Machine
from tests.machine.stage import FUNCTIONS
from tests.machine.stories import STORIES, Story


@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_it_ends_well_when(tell: Story) -> None:
    machine = Machine()
    machine.clocks(calm=True, names=list(FUNCTIONS))
    tell(machine)
    machine.teardown()

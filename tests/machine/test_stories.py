"""Each rare interleaving, on the real code."""

from __future__ import annotations

import pytest

from tests.machine.stories import STORIES, Story, told


@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_it_ends_well_when(tell: Story) -> None:
    told(tell)

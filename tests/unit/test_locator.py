"""What a process stands on: made once, handed in for a while, the last one counts."""

from __future__ import annotations

import pytest

from invoke_once.locator import Locator


def test_it_is_made_at_the_first_use_and_once() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    here = Locator(make)
    assert not made
    assert here() is here() is made[0]
    here.forget()
    assert here() is made[1]


def test_the_last_one_handed_in_counts_until_its_block_ends() -> None:
    here = Locator(lambda: "own")
    with here.use("outer") as given:
        assert (given, here(), here.is_handed_in) == ("outer", "outer", True)
        with pytest.raises(ValueError), here.use("inner"):
            assert here() == "inner"
            raise ValueError
        assert here() == "outer"
    assert (here(), here.is_handed_in) == ("own", False)

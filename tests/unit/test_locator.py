"""What a process stands on: made once, handed in for a while, the last one counts."""

from __future__ import annotations

import gc

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


def test_what_a_process_stands_on_is_made_without_collections_and_they_go_on_afterwards() -> None:
    seen: list[bool] = []

    def make() -> str:
        seen.append(gc.isenabled())
        if len(seen) == 1:
            raise ValueError("not yet")
        return "made"

    found = Locator(make)
    with pytest.raises(ValueError):
        found()
    assert gc.isenabled()
    assert found() == "made"
    assert seen == [False, False] and gc.isenabled()


def test_who_has_turned_collections_off_finds_them_off() -> None:
    gc.disable()
    try:
        Locator(str)()
        assert not gc.isenabled()
    finally:
        gc.enable()

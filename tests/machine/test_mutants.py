"""Every mistake of the list is found: by the stories, in milliseconds, or by the search."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.history import Broken
from tests.machine.machine import Machine
from tests.machine.mutants import MUTANTS, Mutant, MutantStore
from tests.machine.stories import first_broken
from tests.machine.world import World

#: These are so plain that the search has to find them without being told a story.
PLAIN = ("not fenced at all", "look at the status", "over what is there", "any running run", "an ended run may",
         "look at the backoff", "does not count", "goes beyond max_attempts", "callback is not armed")  # fmt: skip
SEARCH = settings(
    max_examples=300, stateful_step_count=40, deadline=None, database=None, derandomize=True, phases=(Phase.generate,),
    print_blob=False, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
)  # fmt: skip


def machine_with(mutant: Mutant) -> type[Machine]:
    """The machine in a world where this one thing is wrong."""
    wrong: dict[str, Any] = dict(mutant.world or {})
    if mutant.rewrite is not None:
        wrong["store_of"] = type("Mutated", (MutantStore,), {"rewrite": staticmethod(mutant.rewrite)})
    return type("Mutated", (Machine,), {"world_of": staticmethod(lambda calm: World(calm=calm, **wrong))})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_a_story_finds_that(mutant: Mutant) -> None:
    assert first_broken(machine_with(mutant)) is not None, f"no story breaks although {mutant.what}"


@pytest.mark.parametrize("words", PLAIN)
def test_the_search_alone_finds_that(words: str) -> None:
    mutant = next(mutant for mutant in MUTANTS if words in mutant.what)
    with pytest.raises(Broken):
        run_state_machine_as_test(machine_with(mutant), settings=SEARCH)


def test_without_a_mistake_no_story_breaks() -> None:
    assert first_broken(Machine) is None

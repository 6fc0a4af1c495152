"""Whatever clients, Lambda, the machine and the clocks do: one outcome a run, and every run ends."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.conftest import PROFILES
from tests.machine.history import SEEN
from tests.machine.machine import Machine
from tests.machine.stories import STORIES, told

#: What makes the search worth its time. An invariant that was never put to the test proves nothing.
MUST_HAVE_HAPPENED = (
    "zombie finish refused",
    "zombie of another generation refused",
    "cancel won",
    "cancel lost",
    "attempt superseded",
    "direct body",
    "redrive race",
    "requeue lost to a cancel",
    "key used again after its time",
    "crash",
    "store away",
    *(f"ended {status}" for status in ("succeeded", "failed", "timed_out", "cancelled", "expired")),
)
#: Too rare for the search to be sure of: it or a story has to have met these.
RARE = (
    "lost answer of A recognised",
    "lost answer of E recognised",
    "lost answer of H recognised",
    "two sweeps, one winner",
)


@pytest.mark.timeout(900)
def test_every_run_has_one_outcome_in_time_under_any_order_of_acts_and_faults(profile: settings) -> None:
    SEEN.clear()
    run_state_machine_as_test(Machine, settings=profile)
    print({what: SEEN[what] for what in sorted(SEEN)})
    if profile.max_examples < PROFILES["ci"].max_examples:
        return  # a look in between: too short to have met everything
    never = [what for what in MUST_HAVE_HAPPENED if not SEEN[what]]
    assert not never, f"the search never met: {', '.join(never)}"
    for tell in STORIES:
        told(tell)
    never = [what for what in RARE if not SEEN[what]]
    assert not never, f"neither the search nor a story met: {', '.join(never)}"


@pytest.mark.parametrize(("name", "same"), [("dev", False), ("ci", True), ("nightly", False)])
def test_only_the_search_for_every_change_is_the_same_each_time(name: str, same: bool) -> None:
    assert PROFILES[name].derandomize is same

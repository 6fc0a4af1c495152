"""The stories and searches of `tests/machine`, played by attempts of the JavaScript library, under its invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from invoke_once.life.moves import NOT_CANCELLED
from tests.machine.conftest import PROFILES
from tests.machine.history import SEEN, Broken
from tests.machine.legs import Legs
from tests.machine.machine import Machine
from tests.machine.mutants import setting, without
from tests.machine.stories import STORIES, Story, told
from tests.machine.test_legs import TALES
from tests.node.pipe import NodeSide
from tests.node.world import NodeLegs, NodeWorld, Rewrite


@pytest.fixture(scope="module")
def node() -> Iterator[NodeSide]:
    made = NodeSide()
    yield made
    made.close()


def machine(node: NodeSide, **more: Rewrite) -> type[Machine]:
    return type("NodeMachine", (Machine,), {"world_of": staticmethod(lambda calm: NodeWorld(calm, node=node, **more))})


@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_it_ends_well_when(tell: Story, node: NodeSide) -> None:
    told(tell, machine(node))


@pytest.mark.parametrize("tell", TALES, ids=lambda tell: tell.__name__)
def test_legs_end_well_when(tell: Callable[[Legs], None], node: NodeSide) -> None:
    tell(NodeLegs(0, NodeWorld(node=node)))


def test_whatever_happens_a_run_with_legs_ends_and_no_state_goes_back(node: NodeSide) -> None:
    SEEN["legs"] = 0
    for seed in range(25):
        NodeLegs(seed, NodeWorld(node=node)).search()
    assert SEEN["legs"] > 0


def test_every_run_has_one_outcome_under_any_order_of_acts_and_faults(node: NodeSide) -> None:
    SEEN.clear()
    run_state_machine_as_test(machine(node), settings=settings(PROFILES["ci"], max_examples=30))
    met = ("duplicate event refused", "direct body", "crash", "store away")
    assert all(SEEN[what] for what in met), SEEN


FENCE = ("still running", "my attempt", "my lease")


@pytest.mark.parametrize(
    ("rewrite", "invariant"),
    [
        (without("H", *FENCE), "I5"),
        (without("E", "same generation"), "I4"),
        (without("E", "free"), "I6"),
        (without("I", NOT_CANCELLED), "I12"),
        (setting("E", lease_until=lambda m: m.set["lease_until"] - 60_000), "I6"),
    ],
)
def test_a_mistake_in_what_node_writes_breaks_a_story(rewrite: Rewrite, invariant: str, node: NodeSide) -> None:
    with pytest.raises(Broken, match=invariant):
        for tell in STORIES:
            try:
                told(tell, machine(node, rewrite=rewrite))
            except (IndexError, KeyError):  # what the story is about did not come to be
                continue

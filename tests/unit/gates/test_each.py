"""Who looks at a gate, a rack or a pause does it for several runs at once, where its caller has threads for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from chalicelib.due import gated
from chalicelib.gates import pausing
from invoke_once.life import gates
from tests.unit.gates.line import Line


@pytest.mark.parametrize(
    ("item", "rounds"),
    [
        (gates.of_function("two"), 1),
        (gates.rack_id(gates.of_function("two"), 0), 1),
        (gates.pause_id("free"), 1),
        (gates.pause_id("two"), 2),  # who waits for the pause, then who waits for a slot
    ],
)
def test_every_look_does_several_at_once(item: str, rounds: int) -> None:
    line, asked = Line(), list[int]()
    for function in ("free", "two", "two", "two"):
        line.post(function)
    for function in ("free", "two"):
        pausing.pause(line.svc, function, gates.EVERYBODY, "me", "why")
        pausing.resume(line.svc, function, gates.EVERYBODY)

    def each(what: Callable[[Any], Any], over: Iterable[Any]) -> Iterator[Any]:
        asked.append(1)
        return map(what, over)

    gated.look_at(line.svc, item, lambda _: None, each)
    assert len(asked) >= rounds


@pytest.mark.parametrize("workers", [1, 8])
def test_as_many_threads_as_workers_and_none_for_one(workers: int) -> None:
    with gated.several(workers) as each:
        assert list(each(str, [1, 2])) == ["1", "2"]
        assert (each is map) is (workers == 1)

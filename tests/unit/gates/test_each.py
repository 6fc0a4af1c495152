"""Who looks at a gate, a rack or a pause does it for several runs at once, where its caller has threads for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from chalicelib.due import gated
from chalicelib.gates import pausing
from chalicelib.service import several
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
    with several(workers) as each:
        assert list(each(str, [1, 2])) == ["1", "2"]
        assert (each is map) is (workers == 1)


def test_who_waits_for_a_pause_asks_for_no_look_and_who_waits_for_a_slot_does() -> None:
    line = Line()
    pausing.pause(line.svc, "free", gates.EVERYBODY, "me", "why")
    line.post("free")
    line.stream()
    assert line.later == []
    for _ in range(3):
        line.post("two")
    line.stream()
    assert line.later == [(gates.of_function("two"), gated.ASK_AGAIN_S)]

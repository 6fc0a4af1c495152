"""What is shown of a function's gates: whether it is paused, how many of it run and wait."""

from __future__ import annotations

from typing import Any, NamedTuple

from chalicelib.functions import Function
from chalicelib.gates import letting, racks
from chalicelib.pauses import Pause
from chalicelib.service import Service
from invoke_once.life import gates

MOST = 1_000  #: counted in each shard


class Shown(NamedTuple):
    """`running` is known of a function with a limit alone; `waiting` counts who waits for a pause or that limit."""

    pause: Pause | None
    running: int | None
    waiting: int


def of(svc: Service, function: Function, tenant: str) -> Shown:
    """Costs nothing for a function that has no limit and was never paused, but a read in 5 s."""
    paused = svc.pauses.of(svc.store, function.name, svc.now_ms())
    whom = paused.whom(tenant)
    lists = [gates.of_pause(function.name, one) for one in paused.of if one in (gates.EVERYBODY, tenant)]
    running: Any = None
    if function.max_running:
        limit = gates.of_function(function.name)
        lists.append(limit)
        running = len(racks.read(svc, limit).taken)
    waiting = sum(letting.waiting(svc, gate, MOST) for gate in lists)
    return Shown(None if whom is None else paused.of[whom], running, waiting)

"""What gates change for a run that is accepted or sent again. A plain run loads nothing of them, and calls nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from chalicelib.service import Service
from invoke_once.life import moves
from invoke_once.life.head import Head

Fire = Callable[[Service, Head], Head]


class Beginning(NamedTuple):
    """How a run begins: held back or not, and from where its queue's clock counts while its function is paused."""

    held: moves.Held | None = None
    paused_ms: int | None = None


def beginning(svc: Service, run_id: str, function: str, tenant: str, concurrency_key: str | None) -> Beginning:
    known = svc.functions.get(function)
    limited = concurrency_key is not None or (known is not None and known.max_running > 0)
    if not limited and not svc.pauses.of(svc.store, function, svc.now_ms()).of:
        return Beginning()
    from chalicelib.gates import admission

    asking = admission.Asking(function, tenant, concurrency_key)
    gate = admission.first(svc, asking)
    held = None if gate is None else admission.held(svc, run_id, gate, asking)
    return Beginning(held, admission.lasted_ms(svc, asking))


def under_gates(svc: Service, new: moves.NewRun) -> moves.NewRun:
    """The same run, held back where a gate does."""
    held, paused_ms = beginning(svc, new.run_id, new.function, new.tenant, new.concurrency_key)
    return new if held is None and paused_ms is None else dataclasses.replace(new, held=held, paused_ms=paused_ms)


def ask(svc: Service, head: Head, fire: Fire) -> Head:
    """See at once whether a run that waits may be fired."""
    from chalicelib.gates import letting

    return letting.ask(svc, head, fire)

"""Which gates a run has to pass, and the first of them that holds it back. A run without any is told at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from chalicelib.gates import racks
from chalicelib.service import Service
from invoke_once.life import gates, moves
from invoke_once.life.due import queue_clock_runs
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import gate_moves


class Asking(NamedTuple):
    """What gates go by: whose run of what it is, and under which concurrency key."""

    function: str
    tenant: str
    concurrency_key: str | None = None


def limits_of(svc: Service, asking: Asking) -> list[str]:
    """The limits it is under, the narrowest first: else one customer's waiting runs would fill the function's slots."""
    found = [] if asking.concurrency_key is None else [gates.of_key(asking.tenant, asking.concurrency_key)]
    function = svc.functions.get(asking.function)
    if function is not None and function.max_running:
        found.append(gates.of_function(function.name))
    return found


def paused_for(svc: Service, asking: Asking) -> str | None:
    """Whom the pause is for that holds it back. A function that is gone holds nothing back: its runs are to be told."""
    if asking.function not in svc.functions:
        return None
    now_ms = svc.now_ms()
    if svc.pauses.of(svc.store, asking.function, now_ms).whom(asking.tenant) is None:
        return None
    return svc.pauses.of_now(svc.store, asking.function, now_ms).whom(asking.tenant)


def first(svc: Service, asking: Asking) -> str | None:
    """The gate that it waits at first; None: it may be fired. Costs a plain run one small read in 5 s."""
    whom = paused_for(svc, asking)
    if whom is not None:
        return gates.of_pause(asking.function, whom)
    return next(iter(limits_of(svc, asking)), None)


def after(svc: Service, head: Head, gate: str | None) -> str | None:
    """The limit that comes after `gate` (None, or a pause: the first one)."""
    limits = limits_of(svc, asking_of(head))
    if gate is None or gates.kind(gate) == "paused":
        return next(iter(limits), None)
    return next(iter(limits[limits.index(gate) + 1 :]), None) if gate in limits else None


def held(svc: Service, run_id: str, gate: str, asking: Asking, hold: str | None = None) -> moves.Held:
    """That the run waits at `gate`, under a new `hold` unless it goes on with one."""
    looked_after = is_looked_after(svc, gate, asking.function)
    return moves.Held(hold or moves.new_token(), gates.wait_shard(gate, run_id), looked_after)


def is_looked_after(svc: Service, gate: str, function: str) -> bool:
    """Whether the sweep comes by the gate for as long as anybody waits there."""
    if gates.kind(gate) == "paused":
        return svc.pauses.of(svc.store, function, svc.now_ms()).looked_after
    return racks.is_looked_after(svc, gate)


def asking_of(head: Head) -> Asking:
    return Asking(head.function, head.tenant, head.concurrency_key)


def hold_back(svc: Service, head: Head, *, fired_before: bool) -> Move | None:
    """The move that holds back a run which is due to be fired; None: nothing does.

    `fired_before`: it passed its limits when it was fired first, and only a pause holds it now.
    """
    asking = asking_of(head)
    gate = first(svc, asking)
    if gate is None or (fired_before and gates.kind(gate) != "paused"):
        return None
    now_ms = svc.now_ms()
    queue_until = head.queue_until if queue_clock_runs(head) else now_ms + head.queue_ms
    return gate_moves.hold(head, held(svc, head.run_id, gate, asking), now_ms, queue_until)


def rested(svc: Service, head: Head) -> dict[str, Any]:
    """What a pause has moved of its queue timeout: `queue_until` and what goes with it; empty: nothing."""
    if head.function not in svc.functions:
        return {}
    now_ms = svc.now_ms()
    lasted_ms = svc.pauses.of(svc.store, head.function, now_ms).lasted_ms(head.tenant, now_ms)
    rest_ms = lasted_ms - (head.paused_ms or 0)
    if rest_ms <= 0:
        return {}
    queue_until = head.queue_until + rest_ms
    expires_at = queue_until // 1000 + moves.DAY_S + head.retention_s
    return {"queue_until": queue_until, "paused_ms": lasted_ms, "expires_at": max(expires_at, head.expires_at)}


def lasted_ms(svc: Service, asking: Asking) -> int | None:
    """How long its function has been paused so far: from there its queue's clock counts. None: it never was."""
    if asking.function not in svc.functions:
        return None
    now_ms = svc.now_ms()
    return svc.pauses.of(svc.store, asking.function, now_ms).lasted_ms(asking.tenant, now_ms) or None

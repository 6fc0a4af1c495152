"""Pause a function and let it go on. While it is paused nothing of it is fired; what runs goes on, queues rest.

A pause is for one tenant's runs, or for everybody's. It is in effect where it is written at once, elsewhere when what
a process knows of it is older than 5 s (`pauses.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from chalicelib import pauses
from chalicelib.gates import letting
from chalicelib.gates.letting import Fire
from chalicelib.pauses import Pause, Paused
from chalicelib.service import Each, Service
from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.life import gates
from invoke_once.life.moves import gate_moves
from invoke_once.store.store import Written

TRIES = 8
LOOK_MS = 60_000
RELEASE_MS = 20_000  #: of one look


def pause(svc: Service, function: str, whom: str, by: str, reason: str) -> Paused:
    """From now on nothing of `function` is fired for `whom`. Paused already: only its reason changes.

    Raises `StoreUnavailable` where others change it at the same time, again and again.
    """

    def begin(was: Pause, now_ms: int) -> Pause:
        return replace(was, since=now_ms if was.since is None else was.since, by=by, reason=reason)

    return _change(svc, function, whom, begin)


def resume(svc: Service, function: str, whom: str) -> Paused:
    """Let it go on. Who waits is let through by a look at the pause, which is due at once."""

    def end(was: Pause, now_ms: int) -> Pause:
        return Pause(total_ms=was.lasted_ms(now_ms))

    return _change(svc, function, whom, end)


def _change(svc: Service, function: str, whom: str, change: Callable[[Pause, int], Pause]) -> Paused:
    for _ in range(TRIES):
        now_ms, found = svc.now_ms(), pauses.read(svc.store, function)
        was = found.of.get(whom, Pause())
        after = change(was, now_ms)
        due_at = now_ms + LOOK_MS if after.since is not None else now_ms
        changed = replace(found, of={**found.of, whom: after}, sequence=found.sequence + 1, due_at=due_at,
                          empty_at=None)  # fmt: skip
        move = gate_moves.pause(function, found.sequence, changed.text(), due_at)
        if isinstance(svc.store.put_part(move), Written):
            svc.pauses.learn(changed, now_ms)
            log.event("paused" if after.since is not None else "resumed", function=function, whom=whom, by=after.by)
            return changed
    raise StoreUnavailable(f"the pause of {function} is being changed by others, again and again")


def look_at(svc: Service, item_id: str, fire: Fire, *, each: Each = map, budget_ms: int = RELEASE_MS) -> bool:
    """Let those through who wait for a pause that is over; look again as long as there may be any.

    True: time was over before they were; whoever looks next goes on.
    """
    item = svc.store.part(item_id, gates.PAUSE)
    if item is None or item.get("due_at") is None:
        return False
    function, until_ms = str(item["function"]), svc.now_ms() + budget_ms
    found = pauses.read(svc.store, function)
    svc.pauses.learn(found, svc.now_ms())
    gone = function not in svc.functions
    for whom, state in found.of.items():
        if gone or state.since is None:
            letting.release(svc, gates.of_pause(function, whom), fire, until_ms, each)
    if not gone and svc.functions[function].max_running:
        letting.serve(svc, gates.of_function(function), fire, each=each)
    _look_again(svc, found)
    return svc.now_ms() >= until_ms


def _look_again(svc: Service, found: Paused) -> None:
    """Each minute while anything is paused, or waits; then twice more, as gates are."""
    now_ms = svc.now_ms()
    waits = any(letting.waiting(svc, gates.of_pause(found.function, whom), 1) for whom in found.of)
    on = waits or any(state.since is not None for state in found.of.values())
    over = not on and found.empty_at is not None and found.empty_at <= now_ms - gate_moves.EMPTY_MS
    due_at, empty_at = None if over else now_ms + LOOK_MS, None if on else found.empty_at or now_ms
    svc.store.put_part(gate_moves.pause(found.function, found.sequence, found.text(), due_at, empty_at))

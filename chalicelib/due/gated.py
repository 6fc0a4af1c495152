"""What gates ask of those who look: a run that waits or is paused, a rack, a pause; and what the stream tells of them.

gate_…#N    a rack: every slot of it                     gate_…    those who wait at the gate
slot_…      a function's pause
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.gates import admission, healing, letting, pausing
from chalicelib.invoker import fire_attend
from chalicelib.runs import dispatch
from chalicelib.service import Each, Service, several
from invoke_once import log
from invoke_once.life import gates, moves
from invoke_once.life.due import Due
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.store import states
from invoke_once.store.store import Applied

PREFIXES = ("gate_", "slot_")
WORKERS = 8
ASK_AGAIN_S = 1  #: after a run began to wait: whoever began it has asked by then, and the index has it
SETTLED_MS = 500  #: one that began to wait so long before such a look is covered by it
_MANY = 10_000
PAUSED_LOOK_MS = 600_000  #: a queue timeout that rests is looked at so often


def look_at(svc: Service, item_id: str, attend: Callable[[str], object], each: Each = map) -> Due:
    """Look at a gate, a rack or a pause, and do what is due."""
    if item_id.startswith("slot_"):
        if pausing.look_at(svc, item_id, dispatch.fire, each=each):
            fire_attend(svc.invoker, svc.settings.attend_function, [item_id])
    elif "#" in item_id:
        healing.look_at_rack(svc, item_id, dispatch.fire, attend, each=each)
    else:
        letting.serve(svc, item_id, dispatch.fire, each=each)
    return Due.ASK


def keep_back(svc: Service, head: Head, due: Due) -> bool:
    """Whether a gate keeps a run from what is due; it then waits there, or its queue timeout rests."""
    if due == Due.ASK:
        _ask(svc, head)
        return True
    if due == Due.EXPIRE:
        return _rest(svc, head)
    move = admission.hold_back(svc, head, fired_before=due == Due.DISPATCH)
    if move is None:
        return False
    result = svc.store.apply(move)
    if isinstance(result, Applied):
        log.event("held_back", run_id=head.run_id, function=head.function, metrics={"HeldBack": 1})
        letting.ask(svc, result.head, dispatch.fire)
    return True


def paused_ms(svc: Service, head: Head) -> int | None:
    """How long its function has been paused when its queue's clock begins anew."""
    return admission.lasted_ms(svc, admission.asking_of(head))


def _ask(svc: Service, head: Head) -> None:
    now = letting.ask(svc, head, dispatch.fire)
    gate = gates.waits_at(now)
    if gate is None or now.terminal:
        return
    now_ms = svc.now_ms()
    far = admission.is_looked_after(svc, gate, now.function)
    svc.store.apply(moves.rearm(now, now.queue_until + 1 if far else now_ms + letting.LOOK_MS))


def _rest(svc: Service, head: Head) -> bool:
    """Its function was paused for a part of its queue timeout: that part does not count."""
    clock = admission.rested(svc, head)
    now_ms = svc.now_ms()
    if not clock or clock["queue_until"] < now_ms:
        return False
    paused = admission.paused_for(svc, admission.asking_of(head)) is not None
    at_ms = max(clock["queue_until"] + 1, now_ms + PAUSED_LOOK_MS if paused else 0)
    states.last_until(svc.payloads, head, clock["expires_at"])
    svc.store.apply(moves.rearm(head, at_ms, clock))
    return True


# What the stream tells


class Told(NamedTuple):
    """Of one record: slots whose holder is done, how long its body may live, and the gate at which a run now waits."""

    freed: Mapping[Slot, str]
    until_ms: int
    began_at: str | None


def told(record: Mapping[str, Any]) -> Told | None:
    images = record.get("dynamodb", {})
    new, old = images.get("NewImage") or {}, images.get("OldImage") or {}
    left = [one for one in gates.slots_of(_text(old, "slot")) if one not in gates.slots_of(_text(new, "slot"))]
    freed = {one: gates.ticket(_text(old, "run_id"), _text(old, "hold")) for one in left}
    shard = _text(new, "wait_shard")
    began = shard.partition("#")[0] if shard and shard != _text(old, "wait_shard") else None
    if not freed and began is None:
        return None
    return Told(freed, int(new.get("slot_until", {}).get("N", 0)), began)


def _text(image: Mapping[str, Any], name: str) -> str:
    return str(image.get(name, {}).get("S", ""))


def _asks_first(svc: Service, gate: str, now_ms: int) -> bool:
    """Whether no look at the gate is on its way: hundreds who begin to wait need two a second, and not one each."""
    if svc.looks_at.get(gate, 0) >= now_ms + SETTLED_MS:
        return False
    if len(svc.looks_at) > _MANY:
        svc.looks_at.clear()
    svc.looks_at[gate] = now_ms + ASK_AGAIN_S * 1000
    return True


def on_stream(
    svc: Service, records: Sequence[Mapping[str, Any]], later: Callable[[str, int], object], *, workers: int = WORKERS
) -> None:
    """Hand freed slots on: one round a gate, however many holders have ended. `later` has a gate looked at then.

    What fails here is done by the next look at the gate.
    """
    freed: dict[str, dict[Slot, str]] = {}
    ask_later: set[str] = set()
    now_ms = svc.now_ms()
    for found in filter(None, map(told, records)):
        for place, value in found.freed.items():
            if found.until_ms > now_ms:
                later(place.rack, -(-(found.until_ms - now_ms) // 1000))
            else:
                freed.setdefault(place.gate, {})[place] = value
        if found.began_at is not None and gates.kind(found.began_at) != "paused":
            ask_later.add(found.began_at)
    for gate in sorted(ask_later - set(freed)):
        if _asks_first(svc, gate, now_ms):
            later(gate, ASK_AGAIN_S)
    if not freed:
        return
    with several(workers) as each:
        for gate, slots in freed.items():
            try:
                letting.serve(svc, gate, dispatch.fire, freed=slots, each=each)
            except Exception as error:  # one gate must not stop the others
                log.event("gate_failed", gate=gate, reason=type(error).__name__, metrics={"GateFailed": 1})

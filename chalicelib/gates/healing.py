"""What makes gates certain: each rack with a slot that is taken is looked at each minute, and so is each pause.

Whatever died on the way is made good here: a slot whose run was never told, one whose holder has ended, a holder whose
event was lost or whose lease is over, a run that waits at a gate with room. A gate that two looks find empty rests.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.gates import letting, racks
from chalicelib.gates.letting import Fire
from chalicelib.service import Each, Service
from invoke_once.life import gates
from invoke_once.life.due import Due, is_due
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.store.store import Item

Attend = Callable[[str], object]  #: looks at one run and does what is due


def look_at_rack(svc: Service, rack: str, fire: Fire, attend: Attend, *, each: Each = map) -> None:
    """Look at every slot of a rack, give away what is free, and say when to look again."""
    item = svc.store.part(rack, gates.RACK)
    if item is None:
        return
    gate, freed = rack.partition("#")[0], {}
    for place, value in racks.slots_in(item):
        if _is_over(svc, place, value, gate, fire, attend):
            freed[place] = value
    let_through = letting.serve(svc, gate, fire, freed=freed, each=each)
    _look_again(svc, rack, gate, item, busy=bool(let_through))


def _is_over(svc: Service, place: Slot, value: str, gate: str, fire: Fire, attend: Attend) -> bool:
    """Whether the slot's holder is done with it. One whose run was not told yet is told, never freed."""
    run_id, _, hold = value.partition(".")
    head = svc.store.get(run_id, svc.now_ms())
    if head is None:
        return True
    if head.hold == hold and not head.terminal:
        if place in gates.slots_of(head.slot):
            if is_due(head, svc.now_ms()) not in (Due.NOTHING, Due.REARM, Due.ASK):
                attend(run_id)
            return False
        if gates.waits_at(head) == gate:
            letting.help_on(svc, head, place, gate, fire)
            return False
    return not body_may_live(head, svc.now_ms())


def body_may_live(head: Head, now_ms: int) -> bool:
    """An earlier attempt was given up before Lambda ended it: its body counts as running until then."""
    return head.slot_until is not None and head.slot_until > now_ms


def _look_again(svc: Service, rack: str, gate: str, seen: Item, *, busy: bool) -> None:
    now_ms, item = svc.now_ms(), svc.store.part(rack, gates.RACK) or seen
    if item.get("due_at") is None:
        return
    empty = not busy and not racks.slots_in(item) and not (rack.endswith("#0") and letting.waiting(svc, gate, 1))
    empty_at = item.get("empty_at")
    over = empty and empty_at is not None and int(empty_at) <= now_ms - gate_moves.EMPTY_MS
    at_ms = None if over else now_ms + gate_moves.LOOK_MS
    move = gate_moves.rearm_rack(rack, int(item["due_at"]), at_ms, empty=empty, now_ms=now_ms)
    svc.store.put_part(move)

"""A gate's slots as they are stored: who has which, how many there may be, and which may be given away now."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from chalicelib.service import Service
from invoke_once.life import gates
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.moves import gate_moves
from invoke_once.store.store import Item


class Racks(Struct, frozen=True):
    """`limit`: how many may be let through at once; `taken`: who was, by slot, also above the limit."""

    gate: str
    limit: int
    taken: Mapping[Slot, str]

    def openings(self, freed: Mapping[Slot, str]) -> list[tuple[Slot, str | None]]:
        """Slots that may be given to somebody who waits, each with what is in it now.

        `freed` have holders that are done. Under a limit that was lowered nobody is let through before as many have
        ended: those above it count, and their slots are not given away again.
        """
        over = {place for place, value in freed.items() if self.taken.get(place) == value}
        room = max(self.limit - len(self.taken) + len(over), 0)
        handed: list[tuple[Slot, str | None]] = [(p, self.taken[p]) for p in sorted(over) if p.number < self.limit]
        free = (gates.slot(self.gate, number) for number in range(self.limit if room else 0))
        handed += [(place, None) for place in free if place not in self.taken]
        return handed[:room]


def read(svc: Service, gate: str, asked: Head | None = None) -> Racks:
    """The gate as it is now. `asked`: a run that waits, whose request may have named another limit."""
    first = svc.store.part(gates.rack_id(gate, 0), gates.RACK) or {}
    limit = _limit(svc, gate, first, asked)
    high = max(limit, int(first.get("slot_high") or 0))
    others = [gates.rack_id(gate, n) for n in range(1, -(-high // len(gates.SLOT_NAMES)))]
    items = [first, *(svc.store.parts_of(others, gates.RACK) if others else [])]
    taken = {place: value for item in items for place, value in slots_in(item)}
    return Racks(gate, limit, taken)


def slots_in(item: Item) -> list[tuple[Slot, str]]:
    """The slots of a rack that are taken."""
    return [(Slot(str(item["run_id"]), name), str(item[name])) for name in gates.SLOT_NAMES if item.get(name)]


def is_looked_after(svc: Service, gate: str) -> bool:
    """The sweep comes by its first rack, and no look has found it empty."""
    first = svc.store.part(gates.rack_id(gate, 0), gates.RACK) or {}
    return first.get("due_at") is not None and first.get("empty_at") is None


def _limit(svc: Service, gate: str, first: Item, asked: Head | None) -> int:
    """The limit for those who come next; written down where it is another than before."""
    known, at_ms = first.get("slot_limit"), None
    if gates.kind(gate) == "max_running":
        limit = limit_of_function(svc, gate)
    elif asked is not None and asked.concurrency_max and (known is None or _is_later(asked, first)):
        limit, at_ms = asked.concurrency_max, asked.created_at
    else:
        limit = int(known or 1)
    if limit != known and (at_ms is not None or gates.kind(gate) == "max_running"):
        high = int(first.get("slot_high") or 0)
        svc.store.put_part(gate_moves.set_limit(gate, limit, high, at_ms, svc.now_ms()))
    return limit


def _is_later(asked: Head, first: Item) -> bool:
    return asked.created_at > int(first.get("limit_at") or 0)


def limit_of_function(svc: Service, gate: str) -> int:
    """As functions.toml has it. One that is gone, or has none any more, lets all through who still wait."""
    for function in svc.functions.values():
        if function.max_running and gates.of_function(function.name) == gate:
            return function.max_running
    return gates.MAX_SLOTS

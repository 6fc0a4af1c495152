"""What holds runs back, as names: gates, the slots of a limit in racks, and lists of those who wait.

A gate lets at most so many runs through at once (`concurrency`, `max_running`), or none (`paused`). Its slots are
attributes `s0` … `s15` of racks, items `gate_…#N`: a slot that is taken holds `RUN.HOLD`, so that it names one
waiting, and not the run, which may come again. A run that waits is in an index of its gate, oldest first.

Nothing here is loaded by a handler.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Literal, NamedTuple

from invoke_once.life import keys
from invoke_once.life.head import Head

RACK, PAUSE = "rack", "pause"
SLOT_NAMES = tuple(f"s{n}" for n in range(16))
MAX_SLOTS = 1_000
WAIT_SHARDS = 4
EVERYBODY = "*"  #: whom a pause holds back, if not one tenant
Kind = Literal["paused", "concurrency", "max_running"]
_KINDS: dict[str, Kind] = {"p": "paused", "k": "concurrency", "f": "max_running"}


class Slot(NamedTuple):
    """A place in a rack."""

    rack: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.rack}/{self.name}"

    @property
    def gate(self) -> str:
        return self.rack.partition("#")[0]

    @property
    def number(self) -> int:
        """From 0, over all racks of the gate."""
        return int(self.rack.partition("#")[2]) * len(SLOT_NAMES) + int(self.name[1:])


def slot(gate: str, number: int) -> Slot:
    rack, place = divmod(number, len(SLOT_NAMES))
    return Slot(rack_id(gate, rack), SLOT_NAMES[place])


def rack_id(gate: str, number: int) -> str:
    return f"{gate}#{number}"


def of_key(tenant: str, key: str) -> str:
    """The gate of a tenant's concurrency key, over all its functions."""
    return "gate_k" + keys.digest([tenant, key])[:25]


def of_function(function: str) -> str:
    """The gate of a function's `max_running`, over all tenants."""
    return "gate_f" + keys.digest([function])[:25]


def of_pause(function: str, whom: str) -> str:
    """Where runs wait while `function` is paused for `whom`: a tenant, or EVERYBODY."""
    return "gate_p" + keys.digest([function, whom])[:25]


def pause_id(function: str) -> str:
    """The item that says whether a function is paused; under the function's own mark, where its role may look."""
    return "slot_" + keys.owned(function, ["pause", function])


def kind(gate: str) -> Kind:
    return _KINDS[gate[5:6]]


def wait_shard(gate: str, run: str) -> str:
    return f"{gate}#{zlib.crc32(run.encode()) % WAIT_SHARDS}"


def wait_shards(gate: str) -> list[str]:
    return [f"{gate}#{n}" for n in range(WAIT_SHARDS)]


def waits_at(head: Head) -> str | None:
    """The gate that holds the run back; None: none does."""
    return head.wait_shard.partition("#")[0] if head.wait_shard else None


def ticket(run: str, hold: str) -> str:
    """What a slot that is taken holds."""
    return f"{run}.{hold}"


def slots_of(text: str | None) -> list[Slot]:
    return [Slot(*part.split("/")) for part in (text or "").split()]


def slots_text(slots: Iterable[Slot]) -> str:
    return " ".join(one.text for one in slots)


def holds(head: Head, place: Slot, value: str) -> bool:
    """The slot is the run's, for this very waiting."""
    return value == ticket(head.run_id, head.hold or "") and place in slots_of(head.slot)

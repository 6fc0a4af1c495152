"""Which run an equal direct call attaches to, where no key tells: one `slot` item per function and payload.

A slot names the run that holds it. It is free when that run ended more than the window ago; an equal call then takes
it for a new run, and the earlier run stays. Two writes begin such a run (slot, then head). A caller that dies between
them leaves a slot whose run never appears: it is free after `UNBORN_MS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from invoke_once import moves, records
from invoke_once.conditions import Equals, Missing
from invoke_once.lifecycle import Arm, Move
from invoke_once.records import Head
from invoke_once.runtime import Runtime
from invoke_once.store import Item, Written

UNBORN_MS = 5_000
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Slot:
    runtime: Runtime
    name: list[str]  #: tenant, function, payload's hash
    request_id: str
    window_ms: int

    @property
    def id(self) -> str:
        return "slot_" + records.digest(self.name)

    @property
    def key(self) -> str:
        """The idempotency key of the run this call would begin."""
        return f"payload:{self.name[2][:16]}:{self.request_id}"

    def take(self, seen: Item | None) -> Item | None:
        """Take the slot as it was seen (None: never used). None: taken; else what is there instead."""
        now_ms, token = self.runtime.now_ms(), moves.new_token()
        run_id = records.run_id(self.name[0], self.name[1], self.key)
        item = {
            "run_id": self.id, "part": "slot", "current": run_id, "token": token, "at": now_ms,
            "expires_at": now_ms // 1000 + moves.DAY_S,
        }  # fmt: skip
        free = Equals("token", seen["token"]) if seen else Missing("run_id")
        move = Move("slot", self.id, (Arm("slot as it was seen", free),), item, part="slot", replace=True,
                    mine={"token": token})  # fmt: skip
        outcome = self.runtime.store.put_part(move)
        return None if isinstance(outcome, Written) else outcome.item

    def holder(self, seen: Item) -> Head | None:
        """The run that holds the slot; None: nobody does any more."""
        while True:
            now_ms = self.runtime.now_ms()
            head = self.runtime.store.get(str(seen["current"]), now_ms)
            if head is not None:
                over = head.terminal and (head.finished_at or 0) + self.window_ms < now_ms
                return None if over else head
            if int(seen["at"]) + UNBORN_MS < now_ms:
                return None
            self.runtime.sleep(LOOK_EVERY_S)


def enter(slot: Slot, begin: Callable[[str], Any], follow: Callable[[Head], Any]) -> Any:
    """Begin a run in the slot, or follow the one that holds it."""
    seen: Item | None = None
    while True:
        seen = slot.take(seen)
        if seen is None:
            return begin(slot.key)
        head = slot.holder(seen)
        if head is not None:
            return follow(head)

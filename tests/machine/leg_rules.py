"""I16 and I17: what a write may do to a run's checkpoint and its legs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from invoke_once.life.move import Move
from invoke_once.life.moves import STATE_FIELDS

Item = Mapping[str, Any]


class Broken(AssertionError):
    """An invariant does not hold."""


def need(true: object, invariant: str, *what: object) -> None:
    if not true:
        raise Broken(f"{invariant}: {' '.join(map(str, what))}")


@dataclass
class LegRules:
    """The witness of what is written: it knows what each leg began with, and what was asked for."""

    began: dict[str, int] = field(default_factory=dict)  #: lease -> the number of the state it began with
    asked: set[str] = field(default_factory=set)  #: leases whose handler asked for another leg
    legs: dict[tuple[str, str], int] = field(default_factory=dict)  #: life -> legs that spent no attempt

    def wrote(self, move: Move, before: Item, after: Item) -> bool:
        """Whether another leg was granted, which takes a start off the budget's count."""
        if move.letter in ("A", "B"):
            need(not any(after.get(name) for name in STATE_FIELDS), "I16", "a reused key kept a state")
        elif move.letter != "O":
            older = (after.get("state_seq") or 0) < (before.get("state_seq") or 0)
            need(not older, "I16", move.letter, "put an older state back")
            changed = any(after.get(name) != before.get(name) for name in STATE_FIELDS)
            need(not changed or move.letter in "GHIW", "I16", move.letter, "changed a state")
        if move.letter == "E" and before.get("between_legs"):
            need("progress" not in move.remove, "I17", "an event of an earlier leg began this one")
        if move.letter in ("B", "E"):
            self.began[after["lease_id"]] = after.get("state_seq") or 0
        if move.letter == "O" or (after.get("legs") or 0) <= (before.get("legs") or 0):
            return False
        life, lease = (after["run_id"], after["generation"]), before["lease_id"]
        newer = (after.get("state_seq") or 0) > self.began.get(lease, 0)
        need(newer or lease in self.asked, "I17", move.letter, "went on from where the leg began")
        self.legs[life] = self.legs.get(life, 0) + 1
        need(self.legs[life] < after.get("max_legs", 100), "I17", f"leg {self.legs[life] + 1} of one life")
        return True

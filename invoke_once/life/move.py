"""What a move is: one conditional write, its guard in named arms. Pure: no clock, no AWS.

`moves/` has the moves themselves, one function each; the store is the only place that carries them out.
The diagram with lettered edges is docs/explanation/lifecycle.md; `LETTERS` is its key, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from invoke_once.life.conditions import Condition

#: What one letter of the diagram stands for.
LETTERS: Mapping[str, str] = {
    "A": "start",
    "B": "register",
    "C": "release",
    "D": "dispatch",
    "E": "claim",
    "F": "launch",
    "G": "progress",
    "H": "finish",
    "I": "requeue",
    "J": "lose",
    "K": "reject",
    "L": "expire",
    "M": "cancel",
    "N": "request_cancel",
    "O": "redrive",
    "P": "rearm",
    "Q": "begin_delivery",
    "R": "end_delivery",
    "S": "send_again",
    "T": "postpone",
    "U": "give_back",
    "V": "note",
    "W": "continue",
    "X": "grant",
    "XH": "hold",
    "XP": "pause",
    "Y": "take",
    "YL": "set_limit",
    "Z": "free",
    "ZA": "rearm_rack",
}

#: Added to every lease: the clocks of two machines may differ by this much and still never overlap two attempts.
LEASE_GRACE_MS = 10_000


class Arm(NamedTuple):
    """One named part of a guard, so that a refusal can say which part refused."""

    name: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Move:
    """One conditional write of one item.

    `mine` recognises this very write when botocore repeats it after a lost response: the refusal then
    carries an item on which these fields already have these values.
    """

    letter: str
    run_id: str
    guard: tuple[Arm, ...]
    set: Mapping[str, Any]
    set_once: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    part: str = "head"
    replace: bool = False  #: the whole item is `set` (PutItem)
    mine: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, Any] | None = None  #: the item before it, where only the mover can have changed what matters

    def changed(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """`item` after this move."""
        after = {**item}
        for name in self.remove:
            after.pop(name, None)
        for name, value in self.set_once.items():
            if after.get(name) is None:
                after[name] = value
        for name, value in self.add.items():
            after[name] = (after.get(name) or 0) + value
        return after | dict(self.set)

"""What must hold of gates, checked at every fire, claim and write.

I20   never more bodies of tracked runs at once than a limit lets through; a waiting is let through once, the oldest
      first; nothing of a function is fired that was paused 10 s ago; a queue timeout rests while its function is paused
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.functions import Function, Retry
from invoke_once.life import gates
from invoke_once.life.due import queue_clock_runs
from invoke_once.life.head import HEAD, Head
from invoke_once.life.move import Move
from invoke_once.store.store import Item
from tests.machine.history import Broken
from tests.unit.gates.line import Line

TWICE = Retry(max_attempts=2, backoff_seconds=5, jitter=False)
FUNCTIONS = {
    f.name: f
    for f in (
        Function("free", target="s-free", retry=TWICE),
        Function("two", target="s-two", max_running=2, retry=TWICE),
        Function("beating", target="s-beating", max_running=1, retry=TWICE, heartbeat_seconds=6),
    )
}
KNOWN_MS = 10_000  #: a pause is in effect everywhere after this


@dataclass(eq=False)
class Body:
    """One that was begun: by which claim, and when Lambda ends it if nothing else does."""

    head: Head
    until_ms: int
    ended: bool = False


class Rules(Line):
    """What is known of those who wait and of the bodies at work: the truth, whatever any process knows."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: tuple[int, ...] = (1,)  #: that the requests of a key name
        self.broken: Broken | None = None  #: the sweep passes over what goes wrong with one run
        self.bodies: list[Body] = []
        self.writes = 0
        self.began = 0  #: how many writes there were when the process at work began
        self.waits_since: dict[str, int] = {}  #: hold: number of the write
        self.let_through: set[str] = set()
        self.clocks: dict[str, int] = {}  #: run: since when its queue timeout is used up
        self.paused_at: dict[tuple[str, str], int] = {}
        self.rests: list[tuple[str, int, int]] = []  #: (function, from, until) of pauses for everybody

    def breaks(self, what: str) -> None:
        self.broken = self.broken or Broken(what)
        raise self.broken

    def live(self) -> list[Body]:
        return [b for b in self.bodies if not b.ended and self.clock() < b.until_ms]

    def check_fire(self, function: str) -> None:
        now_ms = self.clock()
        since = [at for (name, _), at in self.paused_at.items() if name == function]
        if since and min(since) + KNOWN_MS <= now_ms:
            self.breaks(f"I20: {function} was fired {now_ms - min(since)} ms after it had been paused")

    def check_limits(self, head: Head) -> None:
        live = [b.head for b in self.live()]
        by_key = sum(h.concurrency_key == head.concurrency_key for h in live)
        if head.concurrency_key is not None and by_key > max(self.limits):
            self.breaks(f"I20: {by_key} bodies of {head.concurrency_key} at once, its limit is {max(self.limits)}")
        of_function, most = sum(h.function == head.function for h in live), FUNCTIONS[head.function].max_running
        if most and of_function > most:
            self.breaks(f"I20: {of_function} bodies of {head.function} at once, its limit is {most}")

    def seen(self, move: Move, old: Item | None, new: Item) -> None:
        self.writes += 1
        if move.letter == "Y":
            self.check_order(move)
        if new.get("part") != HEAD:
            return
        old = old or {}
        if new.get("wait_shard") and new.get("wait_shard") != old.get("wait_shard"):
            self.waits_since[new["hold"] + new["wait_shard"]] = self.writes
        if move.letter == "X":
            self._check_grant(old)
        self._check_clock(move, old, new)

    def _check_grant(self, old: Item) -> None:
        if not old.get("wait_shard") or old["hold"] in self.let_through:
            self.breaks("I20: a run was let through twice")
        self.let_through.add(old["hold"])

    def check_order(self, move: Move) -> None:
        """The slot goes to the oldest of those who waited when its giver began."""
        (value,) = (str(value) for name, value in move.set.items() if name in gates.SLOT_NAMES)
        chosen = Head.from_item(dict(self.table.items[value.partition(".")[0], HEAD]))
        gate = move.run_id.partition("#")[0]
        slots = {str(value) for (_, part), item in self.table.items.items() if part == gates.RACK
                 for name, value in item.items() if name in gates.SLOT_NAMES}  # fmt: skip
        for other in self.heads():
            waits_here = other.status == "queued" and gates.waits_at(other) == gate
            seen = self.waits_since.get(f"{other.hold}{other.wait_shard}", 0) <= self.began
            on_its_way = gates.ticket(other.run_id, other.hold or "") in slots
            skipped = waits_here and seen and other.created_at < chosen.created_at and not on_its_way
            if skipped and not self._may_be_paused(other.function):
                self.breaks(f"I20: {chosen.key} was let through before {other.key}, which waits at the same gate")

    def _may_be_paused(self, function: str) -> bool:
        now_ms = self.clock()
        recent = any(name == function and until_ms + KNOWN_MS > now_ms for name, _, until_ms in self.rests)
        return recent or any(name == function for name, _ in self.paused_at)

    def _check_clock(self, move: Move, old: Item, new: Item) -> None:
        """I20: what a pause took of a queue timeout does not count."""
        run_id = str(new["run_id"])
        if move.letter in ("A", "O", "C") or (move.letter == "XH" and not queue_clock_runs(Head.from_item(dict(old)))):
            self.clocks[run_id] = self.clock()
        if move.letter != "L":
            return
        now_ms, since_ms = self.clock(), self.clocks[run_id]
        rests = [*self.rests, *((name, at, now_ms) for (name, _), at in self.paused_at.items())]
        rested = sum(max(min(until, now_ms) - max(at, since_ms), 0) for name, at, until in rests
                     if name == new["function"])  # fmt: skip
        if now_ms - since_ms - rested < new["queue_ms"] - KNOWN_MS:
            self.breaks(f"I20: expired after {now_ms - since_ms} ms of which it was paused {rested}")

    def heads(self) -> list[Head]:
        return [Head.from_item(dict(i)) for (_, part), i in sorted(self.table.items.items()) if part == HEAD]

    def taken(self) -> list[str]:
        return [str(item[name]) for (_, part), item in self.table.items.items() if part == gates.RACK
                for name in gates.SLOT_NAMES if item.get(name)]  # fmt: skip

"""Every write that was made, checked against the invariants the moment it lands.

The checks know the truth (real time, who wrote, who is alive) and nothing of the guards: a guard that lost an arm
lets a write through that one of these refuses. Numbers I1 … I13 are those of docs/explanation/guarantees.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from invoke_once.life.due import LAST_LOOK_MS
from invoke_once.life.move import Move
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store.store import Unwritten, Written
from invoke_once.testing import Clock, MemoryTable
from tests.machine.leg_rules import Broken as Broken
from tests.machine.leg_rules import LegRules
from tests.machine.leg_rules import need as need

if TYPE_CHECKING:
    from tests.machine.workers import Worker

Item = Mapping[str, Any]
WAITING = ("scheduled", "queued")
BIRTHS, CLAIMS, WORKERS = ("A", "B"), ("B", "E", "F"), ("G", "H", "I", "W")
#: What may change on a run that has ended: how its callback goes, and when it is looked at for that.
AFTER_THE_END = {"cb_status", "cb_attempt", "cb_base", "cb_due", "cb_last", "due_at", "due_shard", "expires_at"}
OUTCOME = ("status", "finished_at", "attempt", "output", "output_ref", "output_sha", "error", "settled_by")
WORST_SKEW_MS = 300_000
SEEN: Counter[str] = Counter()  #: rare events, over all examples of the process


@dataclass(eq=False)
class Actor:
    """Who writes: its name, how wrong its clock is, and the attempt it is, if it is one."""

    name: str
    skew_ms: int = 0
    worker: Worker | None = None
    writes: int = 0
    born: bool = False  #: it began a life of a run


@dataclass
class Life:
    """What is known of one generation of one run."""

    budget: int
    claims: int = 0
    outcome: dict[str, Any] | None = None
    cancel_asked: bool = False


class WatchedTable(MemoryTable):
    """The memory engine, with a witness at every write."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def write_as(self, actor: Actor, move: Move) -> Written | Unwritten:
        before = self.get(move.run_id, move.part) or {}
        outcome = super().write(move)
        try:
            if isinstance(outcome, Written):
                actor.writes += 1
                actor.born = actor.born or move.letter in BIRTHS
                self._history.wrote(actor, move, before, outcome.item)
            else:
                self._history.refused(actor, move, before)
        except Broken as broken:  # kept: the sweep passes over what goes wrong with one run
            self._history.broken = self._history.broken or broken
            raise
        return outcome

    def write_again(self, actor: Actor, move: Move) -> Written | Unwritten:
        """botocore's second try of a write that had landed."""
        outcome = self.write_as(actor, move)
        if isinstance(outcome, Unwritten) and move.mine and all(outcome.item.get(k) == v for k, v in move.mine.items()):
            SEEN[f"lost answer of {move.letter} recognised"] += 1
        return outcome


@dataclass
class History:
    clock: Clock
    calm: bool = True  #: no clock is further off than the grace allows
    lives: dict[tuple[str, str], Life] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    broken: Broken | None = None  #: the first invariant that did not hold
    legs: LegRules = field(default_factory=LegRules)
    seen_dead: bool = False  #: the actor claims to know that the attempt is dead

    def wrote(self, actor: Actor, move: Move, before: Item, after: Item) -> None:
        if move.part != "head":
            return
        letter, now_ms = move.letter, self.clock() + actor.skew_ms
        if letter in BIRTHS:
            self._born(before, after, now_ms)
        else:
            need(before, "I4", letter, "made a run out of nothing")
        if letter == "O":
            self._redriven(before, after)
        elif letter not in BIRTHS and before["status"] in TERMINAL:
            changed = {k for k in {*before, *after} if before.get(k) != after.get(k)}
            need(changed <= AFTER_THE_END, "I3", letter, "changed", sorted(changed - AFTER_THE_END), "of an ended run")
            need(after["expires_at"] >= before["expires_at"], "I4", letter, "shortened the time a key is remembered")
        if letter in CLAIMS:
            self._claimed(letter, before, after, now_ms)
        if letter in WORKERS and actor.worker is not None:
            self._fenced(actor.worker, letter, before)
        if letter in ("C", "D", "K", "L", "M"):
            need(before["status"] in WAITING, "I6", letter, "moved a run that is", before["status"])
        if letter == "J":
            self._lost(before, now_ms)
        if letter in ("I", "J", "U", "W") and after["status"] not in TERMINAL:
            need(not before.get("cancel_requested"), "I12", letter, "requeued a run that was asked to stop")
        if letter == "L":
            need(before["queue_until"] < now_ms, "I2", "expired before its queue timeout")
        if letter == "U" or self.legs.wrote(move, before, after):
            self._life(before).claims -= 1
        if letter == "N":
            self._life(after).cancel_asked = True
        self._ended(before, after)
        self._looked_after(after)

    def refused(self, actor: Actor, move: Move, found: Item) -> None:
        worker = actor.worker
        if move.letter in ("H", "I") and worker is not None:
            if found.get("lease_id") != worker.lease_id:
                SEEN["zombie finish refused"] += 1
                if found.get("generation") != worker.generation:
                    SEEN["zombie of another generation refused"] += 1
            if move.letter == "I" and found.get("cancel_requested"):
                SEEN["requeue lost to a cancel"] += 1
        if move.letter == "E" and found.get("status") == "cancelled":
            SEEN["cancel won"] += 1
        if move.letter == "M" and found.get("status") in TERMINAL:
            SEEN["cancel lost"] += 1
        if move.letter == "O":
            SEEN["redrive race"] += 1
        if move.letter in ("C", "D", "J", "L") and actor.name == "sweep":
            SEEN["two sweeps, one winner"] += 1

    def _life(self, item: Item) -> Life:
        return self.lives.setdefault((item["run_id"], item["generation"]), Life(item["max_attempts"]))

    def _born(self, before: Item, after: Item, now_ms: int) -> None:
        need(not before or before["expires_at"] * 1000 <= now_ms, "I4", "a live run was replaced by a new one")
        need((after["run_id"], after["generation"]) not in self.lives, "I4", "a generation was used twice")
        self._life(after)
        if before:
            SEEN["key used again after its time"] += 1

    def _redriven(self, before: Item, after: Item) -> None:
        need(before["status"] in TERMINAL - {Status.SUCCEEDED}, "I3", "redrove a run that is", before["status"])
        need(after["generation"] != before["generation"], "I10", "redriven under the same generation")
        budget = self.lives[before["run_id"], before["generation"]].budget
        self.lives[after["run_id"], after["generation"]] = Life(budget)

    def _claimed(self, letter: str, before: Item, after: Item, now_ms: int) -> None:
        life = self._life(after)
        life.claims += 1
        taken_over = before.get("status") == "running"
        if letter != "B":
            need(taken_over or before["status"] == "queued", "I6", "claimed a run that is", before["status"])
            need(after["attempt"] == before.get("attempt", 0) + 1, "I5", "the attempt did not go up by one")
            need((before.get("not_before") or 0) <= now_ms, "I7", "claimed before its backoff was over")
            need(not taken_over or before["lease_until"] < now_ms, "I6", "took a live lease over")
            need(not (taken_over and before.get("cancel_requested")), "I12", "went on although asked to stop")
            need(not taken_over or before.get("on_lost", "retry") == "retry", "I7", "on_lost = fail was started again")
        need(life.claims <= life.budget, "I7", f"attempt {life.claims} of {life.budget}")
        need(after["attempt"] <= after["max_attempts"], "I7", "more attempts than allowed")
        if taken_over:
            SEEN["attempt superseded"] += 1
        if self.calm:
            for worker in self.workers:
                live = worker.run_id == after["run_id"] and worker.live(self.clock())
                need(not live, "I6", f"attempt {after['attempt']} began while {worker.attempt_no} was live")

    def _fenced(self, worker: Worker, letter: str, before: Item) -> None:
        mine = (worker.generation, worker.attempt_no, worker.lease_id, "running")
        there = tuple(before.get(k) for k in ("generation", "attempt", "lease_id", "status"))
        need(mine == there, "I5", f"{letter} of {mine} was let through on {there}")

    def _lost(self, before: Item, now_ms: int) -> None:
        need(before["status"] == "running", "I5", "gave up a run that is", before["status"])
        holder = next((w for w in self.workers if w.lease_id == before.get("lease_id")), None)
        if before["lease_until"] >= now_ms and before.get("mode") is None:
            need(self.seen_dead, "I6", "gave a live lease up")
            need(holder is None or not holder.live(self.clock()), "I6", "gave up an attempt that lives")

    def _ended(self, before: Item, after: Item) -> None:
        if after["status"] not in TERMINAL or (before and before["status"] in TERMINAL):
            return
        life = self._life(after)
        need(life.outcome is None, "I1", "a second outcome")
        life.outcome = {name: after.get(name) for name in OUTCOME}
        SEEN[f"ended {after['status']}"] += 1

    def _looked_after(self, item: Item) -> None:
        """I2, seen from one write: what may still need something is in the `due` index, at a time not too far off."""
        if item["status"] in TERMINAL:
            if item.get("cb_status") == "pending":
                need(item.get("due_at") is not None and item.get("due_shard"), "I10", "a callback nobody will look at")
            return
        looked_at = item.get("due_at") is not None and item.get("due_shard")
        need(looked_at, "I2", item["status"], "and nobody will look at it")
        farthest_ms = self.clock() + WORST_SKEW_MS + LAST_LOOK_MS
        latest = max(item.get("not_before") or 0, item.get("lease_until", 0) + 1, farthest_ms)
        need(item["due_at"] <= latest, "I2", item["status"], "is looked at too late")


def first_broken(
    search: Callable[[int], None], seeds: Iterable[int], breaks: tuple[type[Exception], ...] = (Broken,)
) -> str | None:
    """What the search finds first, and with which seed; None: nothing. `breaks` is what counts as found."""
    for seed in seeds:
        try:
            search(seed)
        except breaks as found:
            return f"{seed}: {found}"
    return None

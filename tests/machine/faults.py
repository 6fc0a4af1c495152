"""What may go wrong at each call an actor makes, and the engine, objects and invoker that make it go wrong.

An actor is one process: an API call, one invocation of the sweep, one worker. Its calls are counted, and a `Plan`
says what happens at the n-th:

    crash before / crash after    the process is gone, before the call or with the call made
    unavailable                   StoreUnavailable, nothing was written
    lost                          StoreUnavailable, but it was written
    away / lost, away             the same two, and from then on nothing answers this actor
    repeat                        the response was lost and botocore sent the very write again
    a callable                    somebody else does something just before the call
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import HEAD
from invoke_once.life.move import Move
from invoke_once.store.store import Item, Key, Unwritten, Written
from invoke_once.testing import MemoryObjects
from tests.machine.history import Actor, WatchedTable

Fault = str | Callable[[], object]
FAULTS = ("crash before", "crash after", "unavailable", "lost", "away", "lost, away", "repeat")
LASTING = ("away", "lost, away")


class Crash(BaseException):
    """The process is gone. Not an Exception: nothing may catch it and go on."""


@dataclass
class Plan:
    """What happens at which call; at most one fault an actor, as in a log of real trouble."""

    at: int = -1
    fault: Fault | None = None
    calls: int = 0
    dead: bool = False

    def next(self) -> Fault | None:
        if self.dead:
            raise Crash
        self.calls += 1
        nth = self.calls - 1
        if self.fault in LASTING and 0 <= self.at < nth:
            return "unavailable"
        fault = self.fault if nth == self.at else None
        if callable(fault):
            fault()
            return None
        return fault

    def die(self) -> None:
        self.dead = True
        raise Crash

    def before(self, fault: Fault | None) -> None:
        if fault == "crash before":
            self.die()
        if fault in ("unavailable", "away"):
            raise StoreUnavailable("refused on purpose")

    def after(self, fault: Fault | None) -> None:
        if fault == "crash after":
            self.die()
        if fault in ("lost", "lost, away"):
            raise StoreUnavailable("the answer was lost on purpose")


@dataclass
class FaultyEngine:
    """The table as one actor reaches it."""

    table: WatchedTable
    actor: Actor
    plan: Plan = field(default_factory=Plan)

    def write(self, move: Move) -> Written | Unwritten:
        fault = self.plan.next()
        self.plan.before(fault)
        outcome = self.table.write_as(self.actor, move)
        self.plan.after(fault)
        return self.table.write_again(self.actor, move) if fault == "repeat" else outcome

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        self._read()
        return self.table.get(run_id, part, consistent=consistent)

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        self._read()
        return self.table.get_many(run_ids, part)

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        self._read()
        return self.table.parts(run_id, prefix)

    def index(self, name: str, shard: str, **how: Any) -> list[Key]:
        """Not counted: a sweep begins with one for each shard, and only what comes after them is interesting."""
        return self.table.index(name, shard, **how)

    def _read(self) -> None:
        fault = self.plan.next()
        self.plan.before(fault)
        self.plan.after(fault)


@dataclass
class FaultyObjects:
    """S3 as one actor reaches it."""

    inner: MemoryObjects
    plan: Plan

    def put(self, key: str, data: bytes) -> None:
        fault = self.plan.next()
        self.plan.before(fault)
        self.inner.put(key, data)
        self.plan.after(fault)

    def get(self, key: str) -> bytes:
        fault = self.plan.next()
        self.plan.before(fault)
        data = self.inner.get(key)
        self.plan.after(fault)
        return data

    def url(self, key: str, seconds: int) -> str:
        return self.inner.url(key, seconds)

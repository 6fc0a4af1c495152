"""A service in memory whose runs wait in line: its table tells a stream, Lambda takes every event, time is stepped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.due import gated
from chalicelib.due.attend import attend
from chalicelib.due.sweep import sweep
from chalicelib.functions import Function, Retry
from chalicelib.invoker import Answer, Fired
from chalicelib.pauses import Pauses
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import StartRequest
from chalicelib.service import Service
from chalicelib.settings import read
from invoke_once.life import gates, moves
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store.dynamo import stored
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Item, Store, Unwritten, Written
from invoke_once.testing import Clock, MemoryObjects, MemoryTable

SETTINGS = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t"})
TWICE = Retry(max_attempts=2, backoff_seconds=5, jitter=False)
FUNCTIONS = {
    f.name: f
    for f in (
        Function("free", target="s-free"),
        Function("two", target="s-two", max_running=2, retry=TWICE),
        Function("beating", target="s-beating", max_running=1, retry=TWICE, heartbeat_seconds=6),
        Function("plain", target="s-plain", max_running=1, mode="destination"),
    )
}


class Streaming(MemoryTable):
    """A table with a stream. `tried` are the letters of all moves, `letters` those of the moves that were made."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, Any]] = []
        self.tried: list[str] = []
        self.letters: list[str] = []
        self.written: list[tuple[Item | None, Item]] = []
        self.dies_before = ""

    def write(self, move: Move) -> Written | Unwritten:
        if self.dies_before and move.letter == self.dies_before:
            self.dies_before = ""
            raise Died
        self.tried.append(move.letter)
        old = self.items.get((move.run_id, move.part))
        outcome = super().write(move)
        if isinstance(outcome, Written):
            self.letters.append(move.letter)
            self.written.append((old, outcome.item))
            if any(item.get("slot") or item.get("wait_shard") for item in (old or {}, outcome.item)):
                images = {"NewImage": stored(outcome.item)} | ({"OldImage": stored(old)} if old else {})
                self.records.append({"dynamodb": images})
        return outcome


class Died(BaseException):
    """The process is gone."""


@dataclass
class Lambda:
    events: list[dict[str, Any]] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.events.append(json.loads(payload)["invoke_once"])
        return Fired()

    @property
    def fired(self) -> list[str]:
        return [event["run_id"] for event in self.events]


class Line:
    def __init__(self) -> None:
        self.clock, self.table, self.lambda_ = Clock(), Streaming(), Lambda()
        self.store = Store(self.table)
        self.functions = dict(FUNCTIONS)
        self.svc = self.process()
        self.later: list[tuple[str, int]] = []

    def process(self) -> Service:
        """Another process of the service, which knows nothing yet."""
        payloads = Payloads(self.store, MemoryObjects())
        return Service(SETTINGS, self.store, payloads, self.functions, self.lambda_, self.clock, lambda: 0.0, Pauses())

    def post(self, function: str = "free", key: str | None = None, most: int = 1, **more: Any) -> Head:
        """A request, `key` being its concurrency key; each of another millisecond."""
        self.clock.step(1)
        concurrency = None if key is None else (key, most)
        request = StartRequest(self.functions[function], "demo", concurrency=concurrency, **more)
        return dispatch.accept(self.svc, request).head

    def more_wait(self, head: Head, count: int) -> None:
        """So many more wait where it waits, each of another millisecond: copies of its item."""
        item, gate = self.table.items[head.run_id, "head"], gates.waits_at(head) or ""
        for n in range(1, count + 1):
            run_id = f"run_{n:026d}"
            place = {"run_id": run_id, "wait_shard": gates.wait_shard(gate, run_id), "created_at": head.created_at + n}
            self.table.items[run_id, "head"] = item | place
        self.clock.step(count)

    def now(self, head: Head) -> Head:
        found = self.store.get(head.run_id, self.clock())
        assert found is not None
        return found

    def claim(self, head: Head, lease_ms: int = 60_000, left_ms: int | None = None) -> Head:
        now = self.now(head)
        move = moves.claim(now.run_id, now.generation, self.clock(), lease_ms, left_ms=left_ms)
        result = self.store.apply(move)
        assert isinstance(result, Applied), result
        return result.head

    def end(self, head: Head, status: Status = Status.SUCCEEDED, **fields: Any) -> Head:
        now = self.now(head)
        fields = {"output": b"\x001"} | fields if status == Status.SUCCEEDED else {"error": b"\x00{}"} | fields
        result = self.store.apply(moves.finish(moves.fence(now), now, status, self.clock(), fields, moves.new_token()))
        assert isinstance(result, Applied), result
        return result.head

    def stream(self) -> None:
        """What the table told since the last time reaches the service."""
        records, self.table.records = self.table.records, []
        gated.on_stream(self.svc, records, lambda gate, delay_s: self.later.append((gate, delay_s)))

    def sweep(self) -> None:
        swept = sweep(self.svc, lambda _svc, _head: None, workers=1)
        assert swept.failed == 0

    def minutes(self, count: int) -> None:
        """Time with the sweep alone at work."""
        for _ in range(count):
            self.clock.step(60_000)
            self.sweep()

    def attend(self, head: Head) -> None:
        attend(self.svc, head.run_id, lambda _svc, _head: None)

    def go(self, *heads: Head) -> list[str]:
        """How each waits: its status, or what it waits for."""
        from chalicelib.runs.waiting import waiting_for

        return [waiting_for(now) or str(now.status) for now in map(self.now, heads)]

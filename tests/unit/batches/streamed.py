"""The batch service in memory with its stream and its wake queue. No sweep comes by unless a test has it come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.batches import hints
from chalicelib.due import wake
from invoke_once.life.head import HEAD
from invoke_once.life.move import Move
from invoke_once.store.dynamo import stored
from invoke_once.store.store import Item, Unwritten, Written
from invoke_once.testing import MemoryTable
from tests.unit.batches.world import Body, World, succeeds


class Streaming(MemoryTable):
    """Keeps what its stream would tell. `at_read` is called before many runs are read, `at_write` before a write."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[Item | None, Item]] = []
        self.read: list[int] = []
        self.refused = 0
        self.at_read: Callable[[], object] = lambda: None
        self.at_write: Callable[[Move], Move] = lambda move: move

    def write(self, move: Move) -> Written | Unwritten:
        move = self.at_write(move)
        old = self.items.get((move.run_id, move.part))
        outcome = super().write(move)
        if isinstance(outcome, Unwritten):
            self.refused += 1
            return outcome
        self.records.append((old, outcome.item))
        return outcome

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        self.at_read()
        self.read.append(len(run_ids))
        return super().get_many(run_ids, part)


def _record(old: Item | None, new: Item) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": stored(new), "SequenceNumber": "1"} | ({"OldImage": stored(old)} if old else {})}


class Streamed(World):
    def __init__(self, seed: int = 0, body: Body = succeeds, large: int = 0) -> None:
        self.streaming = Streaming()
        super().__init__(self.streaming, seed, body)
        self.large = large
        self.messages: list[tuple[int, str]] = []
        hints._soonest.clear()

    def send(self, run_id: str, delay_s: int) -> None:
        """The wake queue."""
        heapq.heappush(self.messages, (self.clock() + delay_s * 1000, run_id))

    def stream(self, most: int = 100) -> None:
        records, self.streaming.records = self.streaming.records[:most], self.streaming.records[most:]
        if records:
            wake.on_stream(self.svc, self, {"Records": [_record(old, new) for old, new in records]})

    def wake(self) -> None:
        """The messages whose time has come."""
        while self.messages and self.messages[0][0] <= self.clock():
            self.queues.attends.append({"run_ids": [heapq.heappop(self.messages)[1]]})

    def settle(self) -> None:
        """Deliver all that can be delivered now; bodies last, so that looks meet them running or waiting."""
        while self.streaming.records or self.queues.attends or self.queues.targets:
            self.stream()
            self.wake()
            if self.queues.attends:
                self.attend(self.queues.attends.pop(0))
            elif self.queues.targets:
                self.run_body(self.queues.targets.pop(0))

    def flow(self, patience_ms: int) -> None:
        """Let time pass from one message to the next, until none is left."""
        until_ms = self.clock() + patience_ms
        self.settle()
        while self.messages and self.messages[0][0] <= until_ms:
            self.clock.to(self.messages[0][0])
            self.wake()
            self.settle()

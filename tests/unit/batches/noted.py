"""A batch service in memory that notes what is asked of it: reads by index, writes by letter, calls of Lambda whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from chalicelib.batches import records
from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired
from invoke_once.life.batch import Batch, chunk_part
from invoke_once.life.head import HEAD, Head, to_item
from invoke_once.life.move import Move
from invoke_once.store.store import Item, Unwritten, Written
from invoke_once.testing import MemoryTable
from tests.unit.batches.world import SETTINGS, World


class Noting(MemoryTable):
    """`letters`: of each write that was tried, with `!` where it was refused; `sets`: what those that were made set."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[str] = []
        self.sets: list[dict[str, Any]] = []
        self.asked: list[list[str]] = []
        self.got: list[tuple[str, str]] = []

    def write(self, move: Move) -> Written | Unwritten:
        outcome = super().write(move)
        made = isinstance(outcome, Written)
        self.letters.append(move.letter if made else f"{move.letter}!")
        self.sets += [dict(move.set)] if made else []
        return outcome

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        self.got.append((run_id, part))
        return super().get(run_id, part, consistent=consistent)

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        self.asked.append(list(run_ids))
        return [dict(self.items[run_id, part]) for run_id in run_ids if (run_id, part) in self.items]


class Calls:
    """The invoker: every call of it, whole; it answers what it is told to."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any, dict[str, Any]]] = []
        self.answer: Answer = Fired()

    def fire(self, target: str, payload: bytes, **more: Any) -> Answer:
        self.made.append((target, json.loads(payload), more))
        return self.answer


class Noted(World):
    """A batch of `total` that nobody has begun to spread, unless the test does."""

    def __init__(self, total: int, function: Function | None = None, **asked: Any) -> None:
        self.noting = Noting()
        super().__init__(self.noting)
        self.calls = Calls()
        function = function or Function(name="echo", target="s-echo")
        self.svc = structs.replace(self.svc, functions={"echo": function}, invoker=self.calls)
        self.id = self.post(total, **asked).batch.run_id
        self.forget()

    def forget(self) -> None:
        """What was noted so far."""
        for noted in (self.noting.letters, self.noting.sets, self.noting.asked, self.noting.got, self.calls.made):
            noted.clear()

    @property
    def now(self) -> Batch:
        return self.batch(self.id)

    def change(self, **fields: Any) -> Batch:
        """The batch with other fields, as it is stored from now on."""
        item = self.noting.items[self.id, "batch"]
        item.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del item[name]
        return self.now

    def run(self, index: int, status: str, **fields: Any) -> Head:
        """The run of this index as it is stored from now on: posted now, unless told."""
        now_ms, batch = self.clock(), self.now
        known: dict[str, Any] = {
            "generation": "g", "created_at": now_ms, "expires_at": now_ms // 1000 + 86_400, "max_attempts": 1,
            "queue_until": now_ms + 21_600_000, "queue_ms": 21_600_000, "retention_s": 86_400, "input": b"\0null",
            "batch": self.id, "batch_index": index,
        } | fields  # fmt: skip
        item = {"run_id": records.run_id(batch, index), "tenant": "demo", "function": "echo", "status": status} | known
        self.noting.items[item["run_id"], HEAD] = to_item(item)
        return Head.from_item(item)

    def head(self, index: int) -> Head:
        return Head.from_item(self.noting.items[records.run_id(self.now, index), HEAD])

    def chunk(self, number: int, kind: str = "chunk", generation: str | None = None, **fields: Any) -> None:
        """What is stored of a hundred indexes."""
        part = chunk_part(generation or self.now.generation, number, kind)
        self.noting.items[self.id, part] = {"run_id": self.id, "part": part, **fields}

    def stored(self, number: int, kind: str = "chunk") -> dict[str, Any]:
        return self.noting.items[self.id, chunk_part(self.now.generation, number, kind)]

    def indexes(self) -> list[list[int]]:
        """Which runs were read together, by their index."""
        places = {records.run_id(self.now, index): index for index in range(self.now.total)}
        return [[places[run_id] for run_id in asked] for asked in self.noting.asked]

    @property
    def fired(self) -> list[tuple[str, Any]]:
        """The targets' events: (run id, input)."""
        return [
            (event["invoke_once"]["run_id"], event["input"])
            for target, event, _ in self.calls.made
            if target != SETTINGS.attend_function
        ]

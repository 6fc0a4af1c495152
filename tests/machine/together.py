"""Batches, limits, pauses, legs and bulk jobs on one table, under everything that happens to each of them.

Each has a search of its own; this one looks for what they do to one another. Beside what gates promise (I20):

I18   a batch has its runs, each once; with `max_running` no more of them live than that
I19   a batch ends when all its runs have, once a pass; its counts are then true
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from chalicelib.batches import attend as batch_attend
from chalicelib.batches import records, spread
from chalicelib.batches import start as batches
from chalicelib.batches.manifest import Item as BatchItem
from chalicelib.bulk import start as bulk
from chalicelib.bulk import work
from chalicelib.due.attend import attend
from chalicelib.invoker import Answer, Fired
from chalicelib.runs.dispatch import KeyReused
from chalicelib.runs.filters import MAX_MS, Filters
from chalicelib.service import Service
from invoke_once.life import keys, moves
from invoke_once.life.batch import Batch
from invoke_once.life.head import BATCH, BULK, HEAD, Head
from invoke_once.life.keys import due_shards
from invoke_once.life.move import Move
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store.store import Item
from tests.machine.gate_rules import FUNCTIONS, Body
from tests.machine.gates import Search
from tests.machine.history import Broken, first_broken
from tests.unit.gates.line import SETTINGS

ANY = Filters(function=None, key=None, statuses=(), labels=(), low_ms=0, high_ms=MAX_MS)


class Asked(NamedTuple):
    """A batch, as whoever asks for it asks every time."""

    function: str
    total: int
    max_running: int | None
    concurrency: tuple[str, int] | None


class Together(Search):
    """One seed. Raises `Broken`."""

    def __init__(self, seed: int, **wrong: Any) -> None:
        super().__init__(seed, **wrong)
        self.functions |= {name: replace(function, max_legs=3) for name, function in FUNCTIONS.items()}
        self.attends: list[dict[str, Any]] = []
        self.asked = {f"b{n}": self._some_batch() for n in range(3)}
        self.most: dict[str, int | None] = {}  #: of each batch, its `max_running`
        self.ended: Counter[tuple[str, str]] = Counter()
        self.alone: set[str] = set()  #: runs that somebody sent again apart from their batch

    def _some_batch(self) -> Asked:
        function = self.chance.choice(["free", "two", "two", "beating"])
        keyed = function != "beating" and self.chance.random() < 0.3
        concurrency = (self.chance.choice("cd"), self.chance.choice(self.limits)) if keyed else None
        return Asked(function, self.chance.choice([1, 3, 5]), self.chance.choice([None, None, 2]), concurrency)

    # what is seen of every write

    def seen(self, move: Move, old: Item | None, new: Item) -> None:
        if move.letter == "O":
            self.alone.add(str(new["run_id"]))
        super().seen(move, old, new)
        if move.letter == "BE":
            self._check_end(Batch.from_item(dict(new)))
        if new.get("part") == HEAD and new.get("batch"):
            self._check_begin(move, old, new)

    def _runs(self, batch_id: str) -> list[Head]:
        return [head for head in self.heads() if head.batch == batch_id]

    def _check_end(self, batch: Batch) -> None:
        self.ended[batch.run_id, batch.generation] += 1
        if self.ended[batch.run_id, batch.generation] > 1:
            self.breaks("I19: a pass ended twice")
        heads = self._runs(batch.run_id)
        if sorted(head.batch_index or 0 for head in heads) != list(range(batch.total)):
            self.breaks(f"I18: ended with {len(heads)} of {batch.total} runs")
        mine = [head for head in heads if head.run_id not in self.alone]
        if any(not head.terminal for head in mine):
            self.breaks("I19: ended while runs of it live")
        counts = json.loads(batch.counts or "{}")
        counted = {name: counts[name] for name in TERMINAL if counts.get(name)}
        true = dict(Counter(str(head.status) for head in heads))
        if len(mine) == len(heads) and counted != true:
            self.breaks(f"I19: counted {counted}, there are {true}")

    def _check_begin(self, move: Move, old: Item | None, new: Item) -> None:
        begins = new["status"] not in TERMINAL and (old is None or old["status"] in TERMINAL)
        if not begins or new["run_id"] in self.alone:
            return
        batch = self.table.items.get((str(new["batch"]), BATCH)) or {}
        if batch.get("status") != "running":
            self.breaks(f"I19: a run began ({move.letter}) after the end")
        most, cancelled = self.most.get(str(new["batch"])), batch.get("cancel_requested")
        live = sum(not head.terminal and head.run_id not in self.alone for head in self._runs(str(new["batch"])))
        if most and live > most and not cancelled:
            self.breaks(f"I18: {live} runs live of at most {most}")

    # Lambda

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        if target != SETTINGS.attend_function:
            return super().fire(target, payload, qualifier=qualifier, tries=tries, tenant=tenant)
        self.attends.append(json.loads(payload))
        return Fired()

    def _attends(self) -> None:
        if not self.attends:
            return
        at, wild = self.chance.randrange(len(self.attends)), not self.shaky.calm
        event = self.attends[at] if wild and self.chance.random() < 0.1 else self.attends.pop(at)
        if wild and self.chance.random() < 0.1:
            return  # lost
        if "spread" in event:
            spread.work(self._looker, event["spread"], event["worker"], threads=1)
        for item_id in event.get("run_ids", ()):
            self._look_at(item_id)

    def _look_at(self, item_id: str) -> None:
        if item_id.startswith("batch_"):
            batch_attend.attend(self._looker, item_id, self._tell, threads=1)
        elif item_id.startswith("bulk_"):
            work.attend(self._looker, item_id, threads=1, size=10)
        else:
            attend(self._looker, item_id, self._tell)

    def _tell(self, _svc: Service, _head: Head) -> None:
        """No callback is asked for."""

    def sweeps(self) -> None:
        """What is due, in this thread, so that a seed decides the order."""
        for shard in due_shards():
            due = self.store.index("due", shard, low=0, high=self.clock(), limit=1_000, newest_first=False, after=None)
            for key in due:
                self._look_at(key.run_id)

    # what may happen

    def _acts(self) -> list[Callable[[], None]]:
        return [
            *super()._acts(),
            *[self._attends] * 8,
            *[self._batch] * 2,
            *[self._batch_hint] * 2,
            *[self._batch_act] * 3,
            *[self._fail_one] * 3,
            *[self._leg_ends] * 4,
            self._bulk,
        ]

    def _batch(self) -> None:
        key = self.chance.choice(sorted(self.asked))
        asked = self.asked[key]
        inputs = [{"i": n} for n in range(asked.total)]
        options = {"concurrency": list(asked.concurrency)} if asked.concurrency else {}
        items = [BatchItem(json.dumps(value).encode()) for value in inputs]
        self.most[keys.batch_id("demo", asked.function, key)] = asked.max_running
        batches.accept(self._api, batches.BatchRequest(self.functions[asked.function], "demo", items, inputs, key,
                                                       options=options, max_running=asked.max_running))  # fmt: skip

    def _batches(self) -> list[str]:
        return [run_id for run_id, part in sorted(self.table.items) if part == BATCH]

    def _batch_hint(self) -> None:
        """The stream tells of a run of it."""
        self.attends += [{"run_ids": [one]} for one in self._batches() if self.chance.random() < 0.5]

    def _batch_act(self) -> None:
        for batch_id in self._batches()[:3]:
            batch = records.find(self._api, batch_id)
            act = self.chance.choice([None, None, None, batches.cancel, batches.retry, batches.retry])
            if batch is not None and act is not None:
                act(self._api, batch)

    def _bulk(self) -> None:
        action: Any = self.chance.choice(["cancel", "retry", "retry"])
        function = self.chance.choice(list(FUNCTIONS))
        key = f"{action} {function} {self.chance.randrange(4)}"
        request = bulk.BulkRequest("demo", action, {}, replace(ANY, function=function), key=key)
        if self.chance.random() < 0.3:
            with contextlib.suppress(KeyReused):
                self.attends.append({"run_ids": [bulk.accept(self._api, request).job.run_id]})

    def _some_body(self) -> Body | None:
        live = self.live()
        return self.chance.choice(live) if live else None

    def _fail_one(self) -> None:
        body = self._some_body()
        if body is not None:
            body.ended = True
            mine, fields = moves.fence(body.head), {"error": b"\x00{}"}
            self.store.apply(moves.finish(mine, body.head, Status.FAILED, self.clock(), fields, "t"))

    def _leg_ends(self) -> None:
        """As its handler asks; or its watchdog says so, and the body lives on."""
        body = self._some_body()
        if body is not None:
            watched = body.head.slot is not None and self.chance.random() < 0.5
            body.ended = not watched
            told = {"slot_until": body.until_ms + 10_000} if watched else {}
            self.store.apply(moves.continue_later(body.head, self.clock(), "t", asked=True, told=told))

    # one seed

    def search(self, steps: int = 100) -> None:
        super().search(steps)
        for batch_id in self._batches():
            indexes = sorted(head.batch_index or 0 for head in self._runs(batch_id))
            if indexes != list(range(int(self.table.items[batch_id, BATCH]["total"]))):
                self.breaks(f"I18: its runs are {indexes}")

    def deliver(self) -> None:
        while self.attends or self.lambda_.events:
            self._attends()
            super().deliver()

    def at_rest(self) -> bool:
        jobs = [item for (_, part), item in self.table.items.items() if part in (BATCH, BULK)]
        return super().at_rest() and not any(job["status"] == "running" for job in jobs)


def broken_by(seeds: range, **wrong: Any) -> str | None:
    """What the search finds first with that mistake; None: nothing."""
    return first_broken(lambda seed: Together(seed, **wrong).search(), seeds)


__all__ = ["Broken", "Together", "broken_by"]

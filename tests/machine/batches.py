"""A batch under everything that happens: workers killed at any write, events lost, late and doubled, stale reads,
writes of others in between, people who repeat, cancel and retry. Then everything works again, and it must come to rest.

I18   exactly `total` runs belong to a batch, each once; no body starts twice in a pass, none after a success
I19   a batch ends when all its runs have, once a pass; its counts are then true; one outcome a pass is told
"""

from __future__ import annotations

import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.batches import hints, records
from chalicelib.batches.look import LARGE
from chalicelib.batches.start import accept, cancel, retry
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import KeyReused
from invoke_once.life import keys
from invoke_once.life.head import BATCH, HEAD, Head
from invoke_once.life.move import Move
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store.store import Item, Key, Store, Unwritten, Written
from invoke_once.testing import MemoryTable
from tests.machine.history import Broken, first_broken
from tests.unit.batches.world import World

Rewrite = Callable[[Move], Move]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, not even its `finally`s."""


class Shaky:
    """The table as processes see it. Each process is a context of its own, with the write at which it dies."""

    def __init__(self, table: MemoryTable, chance: random.Random, rewrite: Rewrite) -> None:
        self.table, self.chance, self.rewrite = table, chance, rewrite
        self.calm = False
        self.left: list[int | None] = []  # per process: writes until it dies
        self.between: Callable[[], None] = lambda: None
        self.seen: Callable[[Move, Item | None, Item], None] = lambda *_: None
        self.before: dict[tuple[str, str], Item] = {}

    @contextlib.contextmanager
    def process(self, dies_at: int | None = None) -> Any:
        self.left.append(None if self.calm else dies_at)
        with contextlib.suppress(Killed):
            yield
        self.left.pop()

    def write(self, move: Move) -> Written | Unwritten:
        move = self.rewrite(move)
        self._alive()
        if not self.calm and len(self.left) == 1 and self.chance.random() < 0.04:
            self.between()
        dying = self.left[-1] == 0 if self.left and self.left[-1] is not None else False
        if self.left and self.left[-1] is not None:
            self.left[-1] -= 1
        if dying and self.chance.random() < 0.5:
            raise Killed
        old = self.table.get(move.run_id, move.part)
        outcome = self.table.write(move)
        if isinstance(outcome, Written):
            self.before[move.run_id, move.part] = old or {}
            self.seen(move, old, outcome.item)
        if dying:
            raise Killed
        return outcome

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        self._alive()
        return self.table.get(run_id, part)

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        """Eventually consistent: now and then as it was before its last write."""
        self._alive()
        found = []
        for run_id in run_ids:
            item = self.table.get(run_id, part)
            if not self.calm and self.chance.random() < 0.1:
                item = self.before.get((run_id, part), item) or None
            if item:
                found.append(item)
        return found

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        self._alive()
        return self.table.parts(run_id, prefix)

    def index(self, *args: Any, **more: Any) -> list[Key]:
        return self.table.index(*args, **more)

    def _alive(self) -> None:
        if self.left and self.left[-1] is not None and self.left[-1] < 0:
            raise Killed


class Search(World):
    """One seed: a batch from its POST to its rest. Raises `Broken`."""

    def __init__(self, seed: int, rewrite: Rewrite = lambda move: move, total: int | None = None) -> None:
        chance = random.Random(seed)
        super().__init__(seed=seed, body=self._body)
        self.chance = chance
        self.real = MemoryTable()
        self.shaky = Shaky(self.real, chance, rewrite)
        self.table = self.real
        self.store = Store(self.shaky)
        self.svc = self.service(self.store)
        self.large = seed % 2 * LARGE  # every second one has its looks say that they begin
        self.total = total or chance.choice([1, 3, 7, 130, 205])
        self.max_running = chance.choice([None, None, 2])
        if self.max_running and self.total > 7:
            self.total = 7
        self.outcomes: dict[int, Status] = {}
        self.succeeded: set[int] = set()
        self.bodies_of: Counter[tuple[int, str]] = Counter()
        self.ended: Counter[str] = Counter()
        self.before_retry: dict[str, str] = {}
        self.alone: set[str] = set()  # runs that a person sent again by themselves
        self.shaky.between = self._meanwhile
        self.shaky.seen = self._seen
        self.batch_id = keys.batch_id("demo", "echo", "k")

    def _body(self, index: int, _time: int) -> Status:
        if index in self.succeeded:
            raise Broken(f"I18: item {index} ran again after it had succeeded")
        status = Status.FAILED if self.chance.random() < 0.2 else Status.SUCCEEDED
        if status == Status.SUCCEEDED:
            self.succeeded.add(index)
        return status

    # what is seen of every write

    def _seen(self, move: Move, old: Item | None, new: Item) -> None:
        if new.get("part") == BATCH and move.letter == "BO":
            self.before_retry = {str(h["run_id"]): str(h["generation"]) for h in self._heads()
                                 if h["status"] in TERMINAL and h["status"] != "succeeded"}  # fmt: skip
        if new.get("part") == BATCH and move.letter == "BE":
            self._check_end(new)
        if new.get("batch") and new.get("part") == HEAD:
            self._check_run(move, old, new)

    def _check_end(self, batch: Item) -> None:
        self.ended[str(batch["generation"])] += 1
        if self.ended[str(batch["generation"])] > 1:
            raise Broken("I19: a pass ended twice")
        heads = {h["batch_index"]: h for h in self._heads()}
        if sorted(heads) != list(range(self.total)):
            raise Broken(f"I19: ended with {len(heads)} of {self.total} runs")
        live = [i for i, h in heads.items() if h["status"] not in TERMINAL]
        if live:
            raise Broken(f"I19: ended while {live} live")
        again = {h["run_id"]: h["generation"] for h in heads.values()}.items() & self.before_retry.items()
        if again and not batch.get("cancel_requested"):
            raise Broken(f"I19: {len(again)} runs were counted as they stood before the retry")
        stale = [i for i, h in heads.items() if h["status"] != "succeeded"
                 and (h.get("batch_pass") or 1) != (batch.get("batch_pass") or 1)]  # fmt: skip
        if stale:
            raise Broken(f"I19: {stale} were counted as they stood before the retry")
        true = Counter(str(h["status"]) for h in heads.values())
        counts = json.loads(batch["counts"])
        if {
            name: counts[name] for name in counts if name not in ("total", "waiting", "running") and counts[name]
        } != true:
            raise Broken(f"I19: counted {counts}, there are {dict(true)}")
        if counts["total"] != self.total or counts["waiting"] or counts["running"]:
            raise Broken(f"I19: counted {counts}")

    def _check_run(self, move: Move, old: Item | None, new: Item) -> None:
        batch = self.real.get(str(new["batch"]), BATCH) or {}
        begins = new["status"] in ("queued", "scheduled") and (old is None or old["status"] in TERMINAL)
        if not begins or new["run_id"] in self.alone:
            return
        if batch.get("status") != "running":
            raise Broken(f"I19: a run began ({move.letter}) after the end")
        live = sum(h["status"] not in TERMINAL and h["run_id"] not in self.alone for h in self._heads())
        if self.max_running and live > self.max_running and not batch.get("cancel_requested"):
            raise Broken(f"max_running {self.max_running}: {live} live")

    def _heads(self) -> list[Item]:
        return [i for (_, part), i in self.real.items.items() if part == HEAD and i.get("batch") == self.batch_id]

    # what may happen

    def began(self, head: Head) -> None:
        where = (head.batch_index or 0, head.generation)
        self.bodies_of[where] += 1
        if self.bodies_of[where] > 1:
            raise Broken(f"I18: the body of item {where[0]} started twice in one pass")

    def _meanwhile(self) -> None:
        for _ in range(self.chance.randrange(1, 8)):
            self._anything()

    def _anything(self) -> None:
        with self.shaky.process(self.chance.choice([None, None, self.chance.randrange(12)])):
            self.chance.choice(self._acts())()

    def _acts(self) -> list[Callable[[], None]]:
        if self.real.get(self.batch_id, BATCH) is None:
            return [self._repeat]
        acts: list[Callable[[], None]] = [self._deliver_attend] * 6 + [self._deliver_target] * 8 + [self._hint] * 3
        acts += [self.sweep, lambda: self.clock.step(self.chance.choice([100, 2_000, 12_000, 61_000]))] * 2
        return [
            *acts,
            self._repeat,
            self._redrive_one,
            *([self._cancel] if self.chance.random() < 0.1 else []),
            self._retry,
        ]

    def _deliver_attend(self) -> None:
        if self.queues.attends:
            event = self._pop(self.queues.attends)
            if self.chance.random() > 0.1:  # else it is lost
                self.attend(event, budget_ms=self.chance.choice([20_000, 20_000, 1]))

    def _deliver_target(self) -> None:
        if self.queues.targets:
            self.run_body(self._pop(self.queues.targets))

    def _pop(self, queue: list[dict[str, Any]]) -> dict[str, Any]:
        at = self.chance.randrange(len(queue))
        return queue[at] if self.chance.random() < 0.1 else queue.pop(at)

    def _hint(self) -> None:
        self.queues.attends.append({"run_ids": [self.batch_id]})

    def _repeat(self) -> None:
        with contextlib.suppress(KeyReused):
            accepted = accept(self.svc, self.request(self.total, max_running=self.max_running))
            if accepted.batch.run_id != self.batch_id:
                raise Broken("I18: a repeat is another batch")

    def _cancel(self) -> None:
        if self.chance.random() < 0.1:
            cancel(self.svc, self.batch(self.batch_id))

    def _retry(self) -> None:
        if self.chance.random() < 0.3:
            retry(self.svc, self.batch(self.batch_id))

    def _redrive_one(self) -> None:
        ended = [
            h
            for h in records.heads(self.svc, self.batch(self.batch_id), range(min(self.total, 5))).values()
            if h.terminal
        ]
        if ended:
            head = self.chance.choice(ended)
            batch = self.real.get(self.batch_id, BATCH) or {}
            if batch.get("status") != "running":
                self.alone.add(head.run_id)
            dispatch.redrive(self.svc, head)

    # one seed

    def search(self, steps: int = 60) -> None:
        hints._soonest.clear()
        request = self.request(self.total, max_running=self.max_running)
        answered = False
        while not answered:  # a caller repeats what got no answer
            with self.shaky.process(self.chance.choice([None, 0, 1])):
                answered = accept(self.svc, request).batch.run_id == self.batch_id
        for _ in range(steps):
            self._anything()
        self.shaky.calm = True
        self.drain()
        self._check_rest()

    def _check_rest(self) -> None:
        batch = self.batch(self.batch_id)
        if batch.running:
            raise Broken("I19: it rests and has not ended")
        heads = self._heads()
        if sorted(int(h["batch_index"]) for h in heads) != list(range(self.total)):
            raise Broken(f"I18: {len(heads)} runs of {self.total}")
        live = [h["batch_index"] for h in heads if h["status"] not in TERMINAL]
        if live:
            raise Broken(f"{live} rest and live")
        told = {webhook_id for webhook_id, *_ in self.told}
        if len(told) > len(self.ended) or not any(str(batch.generation) in one for one in told):
            raise Broken(f"I19: told {len(told)} outcomes of {len(self.ended)}")


def broken_by(rewrite: Rewrite, seeds: range) -> str | None:
    """What the search finds first where moves are made like that; None: nothing."""
    never = AssertionError  # it does not come to rest
    return first_broken(lambda seed: Search(seed, rewrite).search(), seeds, (Broken, never))


__all__: Sequence[str] = ["Broken", "Mapping", "Search", "broken_by"]

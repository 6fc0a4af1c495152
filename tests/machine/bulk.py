"""Bulk jobs under everything that happens: workers killed at any write, events lost and doubled, stale reads, people
who start, retry and cancel runs meanwhile, stop a job and ask for it again. Then all works again, and it comes to rest.

I21   a job moves a run of its tenant that was created before it and matches, each once; its counts are exact
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable

from chalicelib.bulk import records, start, work
from chalicelib.due import attend as attending
from chalicelib.runs import dispatch
from invoke_once.errors import StoreUnavailable
from invoke_once.life import keys, moves
from invoke_once.life.bulk import Bulk
from invoke_once.life.head import BULK, HEAD
from invoke_once.life.move import Move
from invoke_once.life.status import REDRIVABLE, Status
from invoke_once.store.store import Applied, Item
from invoke_once.testing import MemoryTable
from tests.machine.batches import Rewrite, Shaky
from tests.machine.history import Broken, first_broken
from tests.unit.bulk.world import World

ACTIONS = ("cancel", "retry", "resend")
MOST_PAGES = 40


class Search(World):
    """One seed: two tenants' runs, up to six jobs. Raises `Broken`."""

    def __init__(self, seed: int, rewrite: Rewrite = lambda move: move) -> None:
        self.chance = random.Random(seed)
        self.shaky = Shaky(MemoryTable(), self.chance, rewrite)
        super().__init__(self.shaky.table, lambda _table: self.shaky)
        self.shaky.between, self.shaky.seen = self._meanwhile, self._seen
        self.asked: dict[str, tuple[str, bool, int]] = {}  #: job: action, dry run, when
        self.moved: Counter[tuple[str, str]] = Counter()  #: by job and run
        self.owed: dict[str, set[str]] = {}  #: job: runs that it has to move, unless somebody else does before
        self.after_stop: dict[str, set[str]] = {}  #: job: runs of pages that were noted after it was stopped

    # what is seen of every write

    def _seen(self, move: Move, old: Item | None, new: Item) -> None:
        self.clock.step(20)
        if new.get("part") == BULK:
            self._seen_job(move, old or {}, new)
        if new.get("part") != HEAD:
            return
        run, job = str(new["run_id"]), str(move.set.get("bulk") or "")
        for owed in self.owed.values():
            owed.discard(run)
        if job:
            self._seen_moved(job, run, new)

    def _seen_job(self, move: Move, old: Item, new: Item) -> None:
        job = str(new["run_id"])
        if move.letter == "KA":
            action, dry, _ = self.asked[job]
            self.asked[job] = (action, dry, int(new["created_at"]))
            self.owed[job] = set() if dry else self._able(action, "demo")
        if int(new.get("step") or 0) > MOST_PAGES:
            raise Broken("I21: it has no end")
        if move.letter == "KS":
            self.after_stop.setdefault(job, set())
        if move.letter == "KC" and job in self.after_stop:
            self.after_stop[job].update(pin.run_id for pin in Bulk.from_item(new).pins)

    def _seen_moved(self, job: str, run: str, new: Item) -> None:
        _action, dry, at_ms = self.asked[job]
        self.moved[job, run] += 1
        if self.moved[job, run] > 1:
            raise Broken("I21: a job moved a run twice")
        if dry:
            raise Broken("I21: a dry run changed something")
        if new["tenant"] != "demo" or new["function"] != "echo" or int(new["created_at"]) >= at_ms:
            raise Broken("I21: a job moved what it was not asked for")
        if run in self.after_stop.get(job, ()):
            raise Broken("I21: a stop was not seen")

    def _able(self, action: str, tenant: str) -> set[str]:
        """Runs that a job asked for now has to move."""
        heads = [i for (_, part), i in self.table.items.items() if part == HEAD and i["tenant"] == tenant]
        allowed = REDRIVABLE if action == "retry" else {Status.QUEUED, Status.RUNNING}
        return set() if action == "resend" else {
            str(i["run_id"]) for i in heads
            if i["function"] == "echo" and i["status"] in allowed and i["created_at"] < self.clock()
            and not i.get("cancel_requested")
        }  # fmt: skip

    # what may happen

    def _meanwhile(self) -> None:
        """Between two writes of a process: what it does next may come too late."""
        if self.chance.random() < 0.3:
            self.clock.step(56_000)
            self._sweep()
            self._attend()
        for _ in range(self.chance.randrange(1, 4)):
            self._anything()

    def _anything(self) -> None:
        with self.shaky.process(self.chance.choice([None, self.chance.randrange(9)])):
            self.chance.choice(self._acts())()

    def _acts(self) -> list[Callable[[], None]]:
        return [*[self._attend] * 8, *[self._sweep] * 2, *[self._time] * 4, self._begin, self._end_some, self._person,
                self._ask, self._stop]  # fmt: skip

    def _attend(self) -> None:
        waiting = self.fires.attends
        if waiting:
            at = self.chance.randrange(len(waiting))
            job = waiting[at] if self.chance.random() < 0.2 else waiting.pop(at)
            if self.chance.random() > 0.1:  # else it is lost
                self._work(job, budget_ms=self.chance.choice([work.BUDGET_MS, 300]))

    def _work(self, job: str, budget_ms: int = work.BUDGET_MS) -> None:
        with contextlib.suppress(StoreUnavailable):
            if job.startswith("bulk_"):
                work.attend(self.svc, job, budget_ms=budget_ms, threads=1, size=10)
            else:
                attending.attend(self.svc, job, lambda *_: None)

    def _sweep(self) -> None:
        self.fires.attends += [job for job in self.sweep() if job.startswith("bulk_")]

    def _time(self) -> None:
        self.clock.step(self.chance.choice([50, 1_100, 1_100, 12_000, 56_000]))
        self.shaky.before.clear()  # what was written a second ago is read

    def _begin(self) -> None:
        tenant, function = self.chance.choice([("demo", "echo"), ("demo", "report"), ("acme", "echo")])
        more = {"callback_url": "http://127.0.0.1:1/"} if self.chance.random() < 0.3 else {}
        for run_id in self.start(self.chance.randrange(1, 60), function, tenant, **more):
            if self.chance.random() < 0.7:
                self._end(run_id, self.chance.choice([Status.FAILED, Status.FAILED, Status.SUCCEEDED]))

    def _some(self) -> str | None:
        heads = sorted(run_id for run_id, part in self.table.items if part == HEAD)
        return self.chance.choice(heads) if heads else None

    def _end(self, run_id: str, status: Status = Status.FAILED) -> None:
        """A handler, if the run is to be had."""
        head = self.store.get(run_id, self.clock())
        if head is None or head.status != Status.QUEUED:
            return
        claimed = self.store.apply(moves.claim(run_id, head.generation, self.clock(), 60_000))
        if isinstance(claimed, Applied):
            fields = {"error": b"\x00{}"} if status == Status.FAILED else {"output": b"\x001", "output_size": 1}
            mine = moves.fence(claimed.head)
            self.store.apply(moves.finish(mine, claimed.head, status, self.clock(), fields, moves.new_token()))

    def _end_some(self) -> None:
        """Handlers that fail, also at once after they were sent again."""
        for _ in range(10):
            if run_id := self._some():
                self._end(run_id)

    def _person(self) -> None:
        run_id = self._some()
        head = self.store.get(run_id, self.clock()) if run_id else None
        if head is not None:
            self.chance.choice([dispatch.redrive, dispatch.cancel])(self.svc, head)

    def _ask(self) -> None:
        key = f"k{self.chance.randrange(2 * len(ACTIONS))}"  # two of a kind, which meet the same runs
        action = ACTIONS[int(key[1]) % len(ACTIONS)]
        dry = key == "k2" and self.chance.random() < 0.5
        job = keys.bulk_id("demo", key)
        self.asked.setdefault(job, (action, dry, self.clock()))
        with contextlib.suppress(dispatch.KeyReused):
            self.bulk(action, key=key, dry_run=self.asked[job][1], function="echo")

    def _stop(self) -> None:
        if self.asked and self.chance.random() < 0.3:
            job = records.find(self.svc, self.chance.choice(sorted(self.asked)))
            if job is not None:
                start.stop(self.svc, job)

    # one seed

    def search(self, steps: int = 50) -> None:
        self._begin()
        for _ in range(steps):
            self._anything()
        self.shaky.calm = True
        self.rest()

    def rest(self) -> None:
        for _ in range(60):
            self.clock.step(60_000)
            self.shaky.before.clear()
            for job in [*self.fires.attends, *self.sweep()]:
                if job.startswith("bulk_"):
                    self._work(job)
            self.fires.attends.clear()
        for job_id in self.asked:
            job = records.find(self.svc, job_id)
            if job is not None:
                self._check_end(job)

    def _check_end(self, job: Bulk) -> None:
        if job.running:
            raise Broken("I21: it rests and has not ended")
        matched, done, refused = job.counted
        mine = {run_id for found, run_id in self.moved if found == job.run_id}
        unsure = {run_id for found, run_id in self.moved if found != job.run_id} & mine  # its mark was written over
        if not len(mine - unsure) <= done <= len(mine):
            raise Broken(f"I21: counted {done} done, there are {len(mine)}")
        if job.status == "done" and not job.asked["dry_run"] and matched != done + refused:
            raise Broken(f"I21: of {matched}, {done} done and {refused} refused")
        if job.status == "done" and self.owed.get(job.run_id):
            raise Broken(f"I21: {len(self.owed[job.run_id])} runs were passed over")


def broken_by(rewrite: Rewrite, seeds: range) -> str | None:
    """What the search finds first where moves are made like that; None: nothing."""
    return first_broken(lambda seed: Search(seed, rewrite).search(), seeds)

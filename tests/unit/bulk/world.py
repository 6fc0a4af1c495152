"""A service in memory with runs in every state, and workers of bulk jobs that a test sends itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from chalicelib.bulk import records, start, work
from chalicelib.due import attend as attending
from chalicelib.due import wake
from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import StartRequest
from chalicelib.runs.filters import MAX_MS, Filters
from chalicelib.service import Service
from chalicelib.settings import Settings
from invoke_once.life import moves
from invoke_once.life.bulk import Bulk
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store.payloads import Payloads, error_fields
from invoke_once.store.store import Applied, Store
from invoke_once.testing import Clock, MemoryObjects, MemoryTable

SETTINGS = Settings("s", "local", True, "runs", "tokens", "bucket", "wake", "s-attend", "key", None)
FUNCTIONS = {name: Function(name, f"s-{name}") for name in ("echo", "report")}


class Fires:
    """What was fired: how often each target, by its run; `attend` by the id."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.attends: list[str] = []
        self.took: Callable[[], None] = lambda: None  #: called for each

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        event = msgspec.json.decode(payload)
        if target == SETTINGS.attend_function:
            self.attends += event.get("run_ids", [])
        else:
            self.runs[event["invoke_once"]["run_id"]] += 1
        self.took()
        return Fired()


class World:
    def __init__(self, table: MemoryTable | None = None, rewrite: Any = None) -> None:
        self.clock, self.fires = Clock(), Fires()
        self.table = table or MemoryTable()
        self.started = 0
        self.store = Store(rewrite(self.table) if rewrite else self.table)
        payloads = Payloads(self.store, MemoryObjects())
        self.svc = Service(SETTINGS, self.store, payloads, FUNCTIONS, self.fires, self.clock, lambda: 0.0)

    # runs

    def start(self, count: int = 1, function: str = "echo", tenant: str = "demo", **more: Any) -> list[str]:
        ids = []
        for _ in range(count):
            self.started += 1  # the same ids each time: what a seed has decided stays decided
            request = StartRequest(FUNCTIONS[function], tenant, key=f"k{self.started}", **more)
            ids.append(dispatch.accept(self.svc, request).head.run_id)
        self.clock.step(1)
        return ids

    def claim(self, run_id: str) -> Head:
        claimed = self.store.apply(moves.claim(run_id, self.head(run_id).generation, self.clock(), 60_000))
        assert isinstance(claimed, Applied)
        return claimed.head

    def end(self, run_id: str, status: Status = Status.FAILED) -> Head:
        head = self.claim(run_id)
        good = status == Status.SUCCEEDED
        fields = {"output": b"\x001", "output_size": 1} if good else {"error": error_fields("E", "no")}
        done = self.store.apply(moves.finish(moves.fence(head), head, status, self.clock(), fields, moves.new_token()))
        assert isinstance(done, Applied)
        return done.head

    def ended(self, count: int, status: Status = Status.FAILED, **more: Any) -> list[str]:
        ids = self.start(count, **more)
        for run_id in ids:
            self.end(run_id, status)
        return ids

    def head(self, run_id: str) -> Head:
        head = self.store.get(run_id, self.clock())
        assert head is not None
        return head

    def statuses(self, ids: list[str]) -> Counter[str]:
        return Counter(self.head(run_id).status for run_id in ids)

    # bulk jobs

    def bulk(self, action: Any, *, tenant: str = "demo", key: str | None = None, dry_run: bool = False,
             shown: Any = None, **wanted: Any) -> Bulk:  # fmt: skip
        known = {"function": None, "key": None, "statuses": (), "labels": (), "low_ms": 0, "high_ms": MAX_MS} | wanted
        request = start.BulkRequest(tenant, action, shown or {k: str(v) for k, v in wanted.items()}, Filters(**known),
                                    dry_run, key)  # fmt: skip
        return start.accept(self.svc, request).job

    def look(self, job: Bulk) -> Bulk:
        found = records.find(self.svc, job.run_id)
        assert found is not None
        return found

    def work(self, job: Bulk, **more: Any) -> Bulk:
        """A worker, when it is time."""
        self.clock.to(self.look(job).not_before or 0)
        work.attend(self.svc, job.run_id, threads=1, **more)
        return self.look(job)

    def sweep(self) -> list[str]:
        """What the sweep finds due."""
        return [
            key.run_id
            for shard in range(8)
            for key in self.store.index(
                "due", f"due#{shard}", low=0, high=self.clock(), limit=1000, newest_first=False, after=None
            )
        ]


__all__ = ["World", "attending", "wake"]

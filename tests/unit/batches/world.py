"""A whole batch service in memory: store, objects, clock, Lambda as queues of events that a test delivers itself."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from chalicelib.batches import attend as batch_attend
from chalicelib.batches import hints, records, spread
from chalicelib.batches import look as looking
from chalicelib.batches.manifest import Item
from chalicelib.batches.start import Accepted, BatchRequest, accept
from chalicelib.due import attend as attending
from chalicelib.due import wake
from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired
from chalicelib.service import Service
from chalicelib.settings import Settings
from invoke_once.life import moves
from invoke_once.life.batch import Batch
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store.payloads import Payloads, error_fields
from invoke_once.store.store import Applied, Engine, Store
from invoke_once.testing import Clock, MemoryObjects, MemoryTable

SETTINGS = Settings("s", "local", True, "runs", "tokens", "bucket", "wake", "s-attend", "key", None)
#: What a run's body does: its outcome by index, in each pass.
Body = Callable[[int, int], Status]


def succeeds(_index: int, _time: int) -> Status:
    return Status.SUCCEEDED


class Queues:
    """The invoker: what was fired, until somebody delivers it."""

    def __init__(self) -> None:
        self.attends: list[dict[str, Any]] = []
        self.targets: list[dict[str, Any]] = []

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        event = json.loads(payload)
        (self.attends if target == SETTINGS.attend_function else self.targets).append(event)
        return Fired()


class World:
    """`threads=1`: everything happens in this thread, in an order that a seed decides."""

    def __init__(self, engine: Engine | None = None, seed: int = 0, body: Body = succeeds) -> None:
        self.clock, self.random, self.body = Clock(), random.Random(seed), body
        self.table = engine or MemoryTable()
        self.store = Store(self.table)
        self.queues = Queues()
        self.svc = self.service(self.store)
        self.bodies: Counter[int] = Counter()  #: starts by index
        self.after_success: list[int] = []
        self.told: list[tuple[str, str, dict[str, int]]] = []  #: (webhook-id, status, counts)
        self.live_most = 0
        self.large = looking.LARGE

    def service(self, store: Store) -> Service:
        function = Function(name="echo", target="s-echo")
        payloads = Payloads(store, self.objects)
        return Service(SETTINGS, store, payloads, {"echo": function}, self.queues, self.clock, self.random.random)

    @property
    def objects(self) -> MemoryObjects:
        if not hasattr(self, "_objects"):
            self._objects = MemoryObjects()
        return self._objects

    def request(self, total: int, key: str | None = "k", **more: Any) -> BatchRequest:
        items = [Item(json.dumps({"i": n}).encode()) for n in range(total)]
        inputs = [{"i": n} for n in range(total)]
        more = {"callback_url": "http://127.0.0.1:1/", **more}
        return BatchRequest(self.svc.functions["echo"], "demo", items, inputs, key, **more)

    def post(self, total: int, **more: Any) -> Accepted:
        return accept(self.svc, self.request(total, **more))

    def batch(self, batch_id: str) -> Batch:
        found = records.find(self.svc, batch_id)
        assert found is not None
        return found

    # Lambda

    def attend(self, event: dict[str, Any], svc: Service | None = None, budget_ms: int = spread.BUDGET_MS) -> None:
        svc = svc or self.svc
        if "spread" in event:
            spread.work(svc, event["spread"], event["worker"], budget_ms=budget_ms, threads=1)
            return
        for run_id in event["run_ids"]:
            if run_id.startswith("batch_"):
                batch_attend.attend(svc, run_id, self.tell, threads=1, large=self.large)
            else:
                attending.attend(svc, run_id, self.tell)

    def run_body(self, event: dict[str, Any]) -> None:
        """The wrapped handler: claim, body, outcome."""
        meta = event["invoke_once"]
        claimed = self.store.apply(moves.claim(meta["run_id"], meta["generation"], self.clock(), 60_000))
        if not isinstance(claimed, Applied):
            return
        head = claimed.head
        index = head.batch_index or 0
        self.bodies[index] += 1
        self.began(head)
        self.live_most = max(self.live_most, len(self.queues.targets) + 1)
        status = self.body(index, self.bodies[index])
        fields = {"output": b"\x00" + json.dumps(event["input"]).encode(), "output_size": 1}
        if status != Status.SUCCEEDED:
            fields = {"error": error_fields("E", "no")}
        self.store.apply(moves.finish(moves.fence(head), head, status, self.clock(), fields, moves.new_token()))

    def began(self, head: Head) -> None:
        """A body starts."""

    def tell(self, svc: Service, head: Head) -> None:
        """The callback: delivered at once, at most one try under way."""
        from invoke_once.life.moves import callback_moves

        assert isinstance(head, Batch)
        if isinstance(svc.store.put_part(callback_moves.begin_delivery(head, self.clock())), type(None)):
            return
        self.told.append((callback_moves.webhook_id(head), str(head.status), json.loads(head.counts or "{}")))
        svc.store.apply(callback_moves.end_delivery(head, "delivered", None, "{}"))

    def sweep(self) -> None:
        for shard in [f"due#{n}" for n in range(8)]:
            keys = self.store.index("due", shard, low=0, high=self.clock(), limit=1000, newest_first=False, after=None)
            for key in keys:
                self.queues.attends.append({"run_ids": [key.run_id]})

    def drain(self, rounds: int = 400) -> None:
        """Deliver everything, with sweeps, until nothing is left to do."""
        for _ in range(rounds):
            while self.queues.attends or self.queues.targets:
                if self.queues.attends:
                    self.attend(self.queues.attends.pop(0))
                while self.queues.targets:
                    self.run_body(self.queues.targets.pop(0))
            if not any(item.get("due_at") for item in self.items()):
                return
            self.clock.step(30_000)
            self.sweep()
        raise AssertionError("it never came to rest")

    def items(self) -> list[dict[str, Any]]:
        assert isinstance(self.table, MemoryTable)
        return list(self.table.items.values())

    def runs(self, batch_id: str) -> list[Head]:
        found = [Head.from_item(i) for i in self.items() if i.get("batch") == batch_id and i["part"] == "head"]
        return sorted(found, key=lambda head: head.batch_index or 0)


__all__ = ["World", "hints", "wake"]

"""The whole service in memory: one table, one S3, one Lambda, one clock; and every act an actor can make in it."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from chalicelib.callbacks.deliver import Sender, deliver
from chalicelib.callbacks.urls import CallbackUrl
from chalicelib.callbacks.webhook import Outcome
from chalicelib.due.attend import attend
from chalicelib.due.sweep import sweep
from chalicelib.runs import dispatch
from chalicelib.service import Service
from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.handler.runtime import Runtime
from invoke_once.life.head import Head
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Result, Store
from invoke_once.testing import Clock, MemoryObjects
from tests.machine.faults import Crash, FaultyEngine, FaultyObjects, Plan
from tests.machine.history import SEEN, Actor, Broken, History, WatchedTable, need
from tests.machine.sandboxes import Sandboxes
from tests.machine.stage import BODIES, FUNCTIONS, SECRET, SETTINGS, FakeLambda, Log, policy_of
from tests.machine.workers import MAX_DELIVERIES, MAX_EVENT_AGE_MS, Event


@dataclass
class World(Sandboxes):
    calm: bool = True
    store_of: Callable[[FaultyEngine], Store] = Store
    payloads_of: Callable[[Store, FaultyObjects], Payloads] = Payloads
    webhook_id_of: Callable[[str], str] = str
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.history = History(self.clock, self.calm)
        self.table = WatchedTable(self.history)
        self.objects = MemoryObjects()
        self.truth = Store(self.table)
        self.payloads = Payloads(self.truth, self.objects)
        self.events: list[Event] = []
        self.workers = self.history.workers
        self.reports: list[dict[str, Any]] = []
        self.outputs: dict[str, set[bytes]] = defaultdict(set)  #: lease -> what was returned under it
        self.webhooks: dict[str, tuple[str, str, str]] = {}
        self.sent: dict[tuple[str, str], int] = {}
        self.receiver_up = True
        self.log = Log()

    # --- what an actor stands on

    def service(self, name: str, skew_ms: int = 0, plan: Plan | None = None, answer: str = "taken") -> Service:
        plan = plan or Plan()
        store = self.store_of(FaultyEngine(self.table, Actor(name, skew_ms), plan))
        payloads = self.payloads_of(store, FaultyObjects(self.objects, plan))
        return Service(SETTINGS, store, payloads, FUNCTIONS, FakeLambda(self.events, self.clock, plan, answer),
                       lambda: self.clock() + skew_ms, random.random)  # fmt: skip

    def runtime(self, actor: Actor, plan: Plan, function: str) -> Runtime:
        store = self.store_of(FaultyEngine(self.table, actor, plan))
        payloads = self.payloads_of(store, FaultyObjects(self.objects, plan))
        policy = policy_of(FUNCTIONS[function])
        return Runtime(
            store, payloads, lambda: self.clock() + actor.skew_ms, policy, lambda s: self.clock.step(int(s * 1000))
        )

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """An actor may crash, or tell its caller that the store is away; nothing else."""
        with redirect_stdout(self.log):
            try:
                yield
            except Crash:
                SEEN["crash"] += 1
            except StoreUnavailable:
                SEEN["store away"] += 1
        if self.history.broken:
            raise self.history.broken

    def heads(self) -> list[Head]:
        return [Head.from_item(item) for (_, part), item in sorted(self.table.items.items()) if part == "head"]

    def live_heads(self) -> list[Head]:
        return [head for head in self.heads() if not head.terminal]

    # --- clients

    def start(self, svc: Service, function: str, key: str, body: int, **more: Any) -> dispatch.Accepted | None:
        """POST /runs, checked against what the key had before."""
        request = dispatch.StartRequest(FUNCTIONS[function], "demo", key, BODIES[body], **more)
        fingerprint = dispatch.fingerprint(request)
        now_ms = svc.now_ms()
        run_id = _run_id(function, key)
        known = self.truth.get(run_id, now_ms)
        try:
            accepted = dispatch.accept(svc, request)
        except dispatch.KeyReused:
            found = self.truth.get(run_id, svc.now_ms())
            mistaken = found is None or found.direct or found.fingerprint == fingerprint
            need(not mistaken, "I4", "422 for the same request")
            need(known is None or _engine(svc).actor.writes == 0, "I14", "a refused request wrote something")
            return None
        head = accepted.head
        need(head.run_id == run_id, "I4", "another run for the same key")
        need(not (accepted.replayed and _engine(svc).actor.born), "I4", "one's own put was taken for somebody else's")
        # a key that a rule or a direct call had first is that run's: nobody asked for it with a request
        need(head.direct or head.fingerprint == fingerprint, "I4", "another request's run was returned")
        alone = not callable(_engine(svc).plan.fault)
        if known is not None and alone and more.get("if_failed") != "rerun":
            need(accepted.replayed and head.generation == known.generation, "I4", "a known key began a new run")
        if known is not None and known.terminal and head.generation == known.generation:
            need(
                (head.status, head.output_sha) == (known.status, known.output_sha), "I9", "another outcome was replayed"
            )
        return accepted

    def cancel(self, svc: Service, head: Head) -> Result:
        return dispatch.cancel(svc, head)

    def redrive(self, svc: Service, head: Head) -> Result:
        return dispatch.redrive(svc, head)

    # --- the service's own wakings

    def attend(self, svc: Service, run_id: str) -> None:
        attend(svc, run_id, self._deliver)

    def sweep(self, svc: Service) -> int:
        """One sweep; how many writes it made."""
        swept = sweep(svc, self._deliver, workers=1)
        if self.history.broken is not None:
            raise self.history.broken
        if _engine(svc).plan.fault is None:
            need(swept.failed == 0, "I13", "the sweep failed on a run:", "".join(self.log.lines))
        return _engine(svc).actor.writes

    def _deliver(self, svc: Service, head: Head) -> None:
        deliver(svc, head, Sender(_document, lambda _tenant, _now: [SECRET], self._send))

    def _send(self, _url: CallbackUrl, headers: Mapping[str, str], body: bytes, *_: object) -> Outcome:
        try:
            self._check_message(self.webhook_id_of(headers["webhook-id"]), json.loads(body)["data"])
        except Broken as broken:
            self.history.broken = self.history.broken or broken
            raise
        return Outcome(204, None, 1) if self.receiver_up else Outcome(500, "the receiver answered 500", 1)

    def _check_message(self, webhook_id: str, data: dict[str, Any]) -> None:
        about = (data["id"], data["generation"], data["status"])
        need(self.webhooks.setdefault(webhook_id, about) == about, "I10", "one webhook-id for two outcomes")
        ids = [known for known, told in self.webhooks.items() if told[:2] == about[:2]]
        need(len(ids) == 1, "I10", "two webhook-ids for one outcome")
        life = self.history.lives[about[0], about[1]]
        need(life.outcome and life.outcome["status"] == about[2], "I9", "told another outcome than the recorded one")
        self.sent[about[:2]] = self.sent.get(about[:2], 0) + 1

    def check_outputs(self) -> None:
        """I8: what a run that succeeded returned is there, whole, and what its own attempt returned."""
        for head in self.heads():
            if head.status == "succeeded" and not head.expired_at(self.clock()):
                told = self.outputs[head.lease_id or ""]
                try:
                    need(self.payloads.output(head) in told, "I8", "another output than its attempt's")
                except PayloadCorrupt as corrupt:
                    raise Broken(f"I8: the output of a run that succeeded is gone: {corrupt}") from corrupt

    # --- time

    def next_due_ms(self) -> int | None:
        return min((head.due_at for head in self.heads() if head.due_at is not None), default=None)

    def pass_until(self, until_ms: int, looks: int = 400) -> None:
        """Time passes with the sweep at work each minute, nothing failing, and nobody claiming."""
        svc = self.service("sweep")
        for _ in range(looks):
            due_ms = self.next_due_ms()
            if due_ms is None or due_ms > until_ms:
                self.clock.to(until_ms)
                return
            next_minute_ms = max(-(-due_ms // 60_000) * 60_000, self.clock() + 60_000)
            self.clock.to(min(next_minute_ms, until_ms))
            with self.trouble():
                self.sweep(svc)

    def forget_expired(self) -> None:
        """TTL, which comes late, comes."""
        for place, item in list(self.table.items.items()):
            if item.get("expires_at", 1 << 60) * 1000 <= self.clock():
                del self.table.items[place]

    def deliverable(self) -> list[Event]:
        young = [e for e in self.events if self.clock() - e.fired_ms <= MAX_EVENT_AGE_MS]
        return [e for e in young if e.deliveries < MAX_DELIVERIES]


def _engine(svc: Service) -> FaultyEngine:
    engine = svc.store.engine
    assert isinstance(engine, FaultyEngine)
    return engine


def _document(_svc: Service, head: Head) -> dict[str, Any]:
    return {"id": head.run_id, "generation": head.generation, "status": head.status}


def _run_id(function: str, key: str) -> str:
    from invoke_once.life.keys import run_id

    return run_id("demo", function, key)

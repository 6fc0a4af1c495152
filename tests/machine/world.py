"""The whole service in memory: one table, one S3, one Lambda, one clock; and every act an actor can make in it."""

from __future__ import annotations

import io
import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from chalicelib import dispatch
from chalicelib.attend import attend
from chalicelib.deliver import Means, deliver
from chalicelib.functions import Function, Retry
from chalicelib.invoker import Answer, Fired, Rejected, Unavailable
from chalicelib.record import record
from chalicelib.settings import read
from chalicelib.sweep import sweep
from chalicelib.urls import CallbackUrl
from chalicelib.webhook import Outcome
from chalicelib.wiring import Service
from invoke_once.attempt import Attempt, out_of_time, raised, returned
from invoke_once.envelope import envelope_of
from invoke_once.errors import RunCancelled, StoreUnavailable
from invoke_once.lifecycle import TERMINAL
from invoke_once.payloads import Payloads
from invoke_once.records import Head
from invoke_once.runtime import Policy, Runtime
from invoke_once.store import Applied, Result, Store
from invoke_once.testing import Clock, Context, MemoryObjects
from invoke_once.wrapper import claim_run
from tests.machine.faults import Crash, FaultyEngine, FaultyObjects, Plan
from tests.machine.history import SEEN, Actor, History, WatchedTable, need
from tests.machine.workers import MAX_EVENT_AGE_MS, Event, Worker, unwrapped

SETTINGS = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t", "ONCE_LOCAL": "1"})
CALLBACK = "http://127.0.0.1:9/hook"
DIED = {"errorType": "Runtime.ExitError", "errorMessage": "Worker process died"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _function(name: str, **more: Any) -> Function:
    retry = more.pop("retry", Retry())
    return Function(name, target=f"s-{name}", timeout_seconds=30, retention_days=1, retry=retry, **more)


FUNCTIONS: Mapping[str, Function] = {
    f.name: f
    for f in (
        _function("once"),
        _function("thrice", retry=Retry(max_attempts=3, backoff_seconds=10, max_backoff_seconds=60)),
        _function("fragile", retry=Retry(max_attempts=3, backoff_seconds=0), on_lost="fail"),
        _function("beating", retry=Retry(max_attempts=2, backoff_seconds=5), heartbeat_seconds=6),
        _function("plain", retry=Retry(max_attempts=2, backoff_seconds=5), mode="destination"),
    )
}
#: In the head, in an item, in S3.
BODIES = (b'{"n":0}', b'{"n":1}', json.dumps({"x": random.Random(1).randbytes(1200).hex()}).encode(),
          json.dumps({"x": random.Random(2).randbytes(6000).hex()}).encode())  # fmt: skip


class Log(io.TextIOBase):
    """The last lines that were logged; shown when an invariant breaks."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=30)

    def write(self, text: str) -> int:
        self.lines.append(text)
        return len(text)


@dataclass
class FakeLambda:
    """`chalicelib.invoker.Invoker` for one actor: what AWS answers is drawn, and taken events wait in the queue."""

    world: World
    plan: Plan
    answer: str = "taken"

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        fault = self.plan.next()
        if fault == "crash before":
            self.plan.die()
        if self.answer in ("taken", "taken, answer lost"):
            self.world.events.append(Event(target.removeprefix("s-"), payload, self.world.clock()))
        if fault == "crash after":
            self.plan.die()
        match self.answer:
            case "refused":
                return Rejected("TargetNotFound", "no such function")
            case "throttled":
                return Unavailable("TooManyRequestsException", known=True)
            case "taken, answer lost" | "answer lost":
                return Unavailable("ReadTimeoutError", known=False)
        return Fired()  # "lost": AWS said yes and dropped it


ANSWERS = ("taken", "taken", "taken", "lost", "refused", "throttled", "taken, answer lost", "answer lost")


@dataclass
class World:
    store_of: Callable[[FaultyEngine], Store] = Store
    calm: bool = True
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
        self.outputs: dict[str, bytes] = {}
        self.webhooks: dict[str, tuple[str, str, str]] = {}
        self.sent: dict[tuple[str, str], int] = {}
        self.receiver_up = True
        self.log = Log()

    # --- what an actor stands on

    def service(self, name: str, skew_ms: int = 0, plan: Plan | None = None, answer: str = "taken") -> Service:
        plan = plan or Plan()
        store = self.store_of(FaultyEngine(self.table, Actor(name, skew_ms), plan))
        payloads = Payloads(store, FaultyObjects(self.objects, plan))
        return Service(SETTINGS, store, payloads, FUNCTIONS, FakeLambda(self, plan, answer),
                       lambda: self.clock() + skew_ms, random.random)  # fmt: skip

    def runtime(self, actor: Actor, plan: Plan, function: str) -> Runtime:
        store = self.store_of(FaultyEngine(self.table, actor, plan))
        payloads = Payloads(store, FaultyObjects(self.objects, plan))
        policy = Policy(function=function, heartbeat_ms=FUNCTIONS[function].heartbeat_seconds * 1000)
        return Runtime(store, payloads, lambda: self.clock() + actor.skew_ms, policy, lambda s: self.clock.step(int(s * 1000)))

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
            need(found is not None and found.fingerprint != fingerprint, "I4", "422 for the same request")
            need(known is None or _engine(svc).actor.writes == 0, "I14", "a refused request wrote something")
            return None
        head = accepted.head
        need(head.run_id == run_id, "I4", "another run for the same key")
        need(head.fingerprint == fingerprint, "I4", "another request's run was returned")
        alone = not callable(_engine(svc).plan.fault)
        if known is not None and alone and more.get("if_failed") != "rerun":
            need(accepted.replayed and head.generation == known.generation, "I4", "a known key began a new run")
        if known is not None and known.terminal and head.generation == known.generation:
            need((head.status, head.output_sha) == (known.status, known.output_sha), "I9", "another outcome was replayed")
        return accepted

    def cancel(self, svc: Service, head: Head) -> Result:
        return dispatch.cancel(svc, head)

    def redrive(self, svc: Service, head: Head) -> Result:
        return dispatch.redrive(svc, head)

    # --- Lambda

    def deliver_event(self, event: Event, skew_ms: int, plan: Plan) -> Worker | None:
        """Lambda runs the function for this event: the attempt that came of it, or None."""
        event.deliveries += 1
        timeout_ms = FUNCTIONS[event.function].timeout_seconds * 1000
        killed_at_ms = self.clock() + timeout_ms
        if FUNCTIONS[event.function].mode == "destination":
            worker = unwrapped(event, killed_at_ms)
            self.workers.append(worker)
            return worker
        envelope = envelope_of(event.body)
        assert envelope is not None
        actor = Actor("worker", skew_ms)
        rt = self.runtime(actor, plan, event.function)
        context = Context(self.clock, timeout_ms)
        try:
            result, deadline_ms = claim_run(rt, envelope, context)
        except StoreUnavailable as error:
            self._report(event, {"errorType": "Runtime.HandlerError", "errorMessage": str(error)})
            raise
        except Crash:
            if not any(w.event is event and w.live(self.clock()) for w in self.workers):  # see docs/guarantees.md
                self._report(event, DIED)
            raise
        if not isinstance(result, Applied):
            SEEN["duplicate event refused"] += 1
            return None
        head = result.head
        worker = Worker(head.run_id, head.generation, head.attempt, head.lease_id or "", event, skew_ms, killed_at_ms,
                        wrapped=True, attempt=Attempt(rt, head, deadline_ms))  # fmt: skip
        worker.see_lease(head.lease_until)
        actor.worker = worker
        self.workers.append(worker)
        return worker

    def finish(self, worker: Worker, how: str) -> None:
        """The body returns or raises, or the watchdog comes first; in time, or as a zombie."""
        worker.done = True
        value = {"by": worker.lease_id, "pad": "y" * (20_000 if how == "large" else 10)}
        if not worker.wrapped:
            self._finish_unwrapped(worker, how, value)
            return
        assert worker.attempt is not None
        outcome = {
            "large": lambda: returned(value),
            "value": lambda: returned(value),
            "raise": lambda: raised(RuntimeError("no")),
            "cancelled": lambda: raised(RunCancelled()),
            "not json": lambda: returned({1, 2}),
            "timeout": lambda: out_of_time(30),
        }[how]()
        if outcome.output is not None:
            self.outputs[worker.lease_id] = outcome.output
        worker.attempt.settle(outcome)

    def _finish_unwrapped(self, worker: Worker, how: str, value: Any) -> None:
        if how in ("value", "large", "cancelled", "not json"):
            self.outputs[worker.lease_id] = json.dumps(value, separators=(",", ":")).encode()
            self._report(worker.event, value, "Success")
        else:
            self._report(worker.event, {"errorType": "Error", "errorMessage": "no"})

    def kill(self, worker: Worker) -> None:
        worker.dead = True
        self._report(worker.event, DIED)

    def _report(self, event: Event, told: Any, condition: str = "RetriesExhausted") -> None:
        self.reports.append({"requestContext": {"condition": condition}, "requestPayload": event.body,
                             "responsePayload": told})  # fmt: skip

    def take_report(self, svc: Service, report: dict[str, Any]) -> None:
        self.history.seen_dead = True
        try:
            record(svc, report)
        finally:
            self.history.seen_dead = False

    # --- the service's own wakings

    def attend(self, svc: Service, run_id: str) -> None:
        attend(svc, run_id, self._deliver)

    def sweep(self, svc: Service) -> int:
        """One sweep; how many writes it made."""
        swept = sweep(svc, self._deliver, workers=1)
        if _engine(svc).plan.fault is None:
            need(swept.failed == 0, "I13", "the sweep failed on a run:", "".join(self.log.lines))
        return _engine(svc).actor.writes

    def _deliver(self, svc: Service, head: Head) -> None:
        deliver(svc, head, Means(_document, lambda _tenant, _now: [SECRET], self._send))

    def _send(self, _url: CallbackUrl, headers: Mapping[str, str], body: bytes) -> Outcome:
        data = json.loads(body)["data"]
        about = (data["id"], data["generation"], data["status"])
        need(self.webhooks.setdefault(headers["webhook-id"], about) == about, "I10", "one webhook-id for two outcomes")
        ids = [known for known, told in self.webhooks.items() if told[:2] == about[:2]]
        need(len(ids) == 1, "I10", "two webhook-ids for one outcome")
        life = self.history.lives[about[0], about[1]]
        need(life.outcome and life.outcome["status"] == about[2], "I9", "told another outcome than the recorded one")
        self.sent[about[:2]] = self.sent.get(about[:2], 0) + 1
        return Outcome(204, None, 1) if self.receiver_up else Outcome(500, "the receiver answered 500", 1)

    # --- time

    def next_due_ms(self) -> int | None:
        return min((head.due_at for head in self.heads() if head.due_at is not None), default=None)

    def pass_until(self, until_ms: int, looks: int = 400) -> None:
        """Time passes with the sweep at work each minute, nothing failing, and nobody claiming."""
        svc = self.service("sweep")
        for _ in range(looks):
            due_ms = self.next_due_ms()
            if due_ms is None or due_ms > until_ms:
                break
            self.clock.to(min(-(-due_ms // 60_000) * 60_000, until_ms))
            with self.trouble():
                self.sweep(svc)
        self.clock.to(until_ms)

    def forget_expired(self) -> None:
        """TTL, which comes late, comes."""
        for place, item in list(self.table.items.items()):
            if item.get("expires_at", 1 << 60) * 1000 <= self.clock():
                del self.table.items[place]

    def deliverable(self) -> list[Event]:
        return [e for e in self.events if e.deliveries < 3 and self.clock() - e.fired_ms <= MAX_EVENT_AGE_MS]


def _engine(svc: Service) -> FaultyEngine:
    engine = svc.store.engine
    assert isinstance(engine, FaultyEngine)
    return engine


def _document(_svc: Service, head: Head) -> dict[str, Any]:
    return {"id": head.run_id, "generation": head.generation, "status": head.status}


def _run_id(function: str, key: str) -> str:
    from invoke_once.records import run_id

    return run_id("demo", function, key)


__all__ = ["ANSWERS", "FUNCTIONS", "TERMINAL", "World"]

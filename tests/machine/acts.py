"""What the rules are made of: one act of one actor, chosen by numbers, with what goes wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.service import Service
from invoke_once.life.head import Head
from invoke_once.store.store import Applied
from tests.machine.faults import Plan
from tests.machine.history import SEEN, WORST_SKEW_MS, need
from tests.machine.stage import FUNCTIONS
from tests.machine.workers import BEAT_MS, Worker
from tests.machine.world import World

KEYS = ("k", "l")
MINUTE = 60_000
NAMES = tuple(name for name in FUNCTIONS if name != "legs")  #: those have a search of their own
NESTED = ("sweep", "sweep", "beat", "cancel", "deliver", "finish", "redrive", "start", "report")
CALM, WILD = (0, 0, 5_000, -5_000), (0, 300_000, -300_000, 5_000, -5_000)


class Acts:
    """`off` picks how wrong the actor's clock is, `nth` whom it is about, `what` the fault: (at which call, kind)."""

    world: World
    skews: tuple[int, ...] = CALM
    names: tuple[str, ...] = NAMES

    def _redrive(self, nth: int, svc: Service) -> None:
        heads = self.world.heads()
        with self.world.trouble():
            head = svc.store.get(heads[nth % len(heads)].run_id, svc.now_ms()) if heads else None
            if head is not None and isinstance(self.world.redrive(svc, head), Applied):
                SEEN["redriven"] += 1

    def _cancel(self, nth: int, svc: Service) -> None:
        live = self.world.live_heads()
        if not live:
            return
        with self.world.trouble():
            head = svc.store.get(live[nth % len(live)].run_id, svc.now_ms())
            if head is None:
                return
            result = self.world.cancel(svc, head)
            now = self.world.truth.engine.get(head.run_id, "head")
            asked = now is not None and (now["status"] == "cancelled" or now.get("cancel_requested"))
            replaced = now is None or now["generation"] != head.generation
            need(not isinstance(result, Applied) or asked or replaced, "I12", "a cancel that nobody will see")

    def _deliver(self, nth: int, off: int, what: Any) -> None:
        events = self.world.deliverable()
        if events:
            with self.world.trouble():
                event = events[-1 - nth % len(events)]
                self.world.deliver_event(event, self._pick(self.skews, off), self._plan(what))

    def _beat(self, nth: int, what: Any) -> None:
        beating = [w for w in self._at_work() if w.event.function == "beating"]
        if not beating:
            return
        worker = beating[nth % len(beating)]
        assert worker.attempt is not None
        before = worker.actor.writes
        with self._troubled(worker, what):
            worker.attempt.beat(BEAT_MS)
        if worker.actor.writes > before:
            worker.beats(self.world.clock())

    def _finish(self, nth: int, how: str, what: Any) -> None:
        at_work = self._at_work()
        if at_work:
            worker = at_work[-1 - nth % len(at_work)]
            with self._troubled(worker, what):
                self.world.finish(worker, how)

    def _report(self, nth: int, keep: bool, svc: Service) -> None:
        reports = self.world.reports
        if reports:
            report = reports[nth % len(reports)]
            if not keep:
                reports.remove(report)
            with self.world.trouble():
                self.world.take_report(svc, report)

    def _next(self, then: int, off: int, nth: int, what: Any) -> None:
        acts: tuple[Callable[[], None], ...] = (
            lambda: self._deliver(nth, off, what),
            lambda: self._sweep(off, what),
            lambda: self._finish(nth, "value", what),
            lambda: None,
        )
        self._pick(acts, then)()

    def _sweep(self, off: int, what: Any) -> None:
        with self.world.trouble():
            self.world.sweep(self._service("sweep", off, what))

    def _edge(self, nth: int, edge: str) -> int | None:
        if edge == "killed":
            at_work = self._at_work()
            return at_work[nth % len(at_work)].killed_at_ms if at_work else None
        head = self._head(nth)
        if edge == "lease_until" and head.status != "running":
            return None
        if edge == "queue_until" and head.queue_ms > MINUTE:
            return None
        return getattr(head, edge) or None

    def _start_some(self, nth: int) -> None:
        with self.world.trouble():
            svc = self._service("api", nth, None)
            self.world.start(svc, self._pick(self.names, nth), self._pick(KEYS, nth), nth % 2)

    @staticmethod
    def _pick(some: Any, nth: int) -> Any:
        return some[nth % len(some)]

    def _head(self, nth: int) -> Head:
        heads = self.world.heads()
        return heads[nth % len(heads)]

    def _at_work(self) -> list[Worker]:
        return [w for w in self.world.workers if not w.done and not w.dead and not w.direct]

    def _worker(self, nth: int) -> Worker:
        at_work = self._at_work()
        return at_work[-1 - nth % len(at_work)]

    def _service(self, name: str, off: int, what: Any, answer: str = "taken") -> Service:
        return self.world.service(name, self._pick(self.skews, off), self._plan(what), answer)

    def _plan(self, what: Any) -> Plan:
        if what is None:
            return Plan()
        at, kind = what
        return Plan(at, self._other(kind, at) if kind in NESTED else kind)

    def _other(self, kind: str, nth: int) -> Callable[[], None]:
        """Somebody else's whole act, in the middle of this one's."""
        acts: dict[str, Callable[[], Any]] = {
            "sweep": lambda: self._sweep(nth, None),
            "beat": lambda: self._beat(nth, None),
            "cancel": lambda: self._cancel(nth, self._service("api", nth, None)),
            "deliver": lambda: self._deliver(nth, nth, None),
            "finish": lambda: self._finish(nth, "value", None),
            "redrive": lambda: self._redrive(nth, self._service("api", nth, None)),
            "start": lambda: self._start_some(nth),
            "report": lambda: self._report(nth, True, self._service("record", nth, None)),
        }
        return acts[kind]

    def _troubled(self, worker: Worker, what: Any) -> Any:
        """The worker's own next calls meet this fault."""
        if worker.attempt is not None:
            engine = worker.attempt._runtime.store.engine
            plan = self._plan(what)
            engine.plan.at, engine.plan.fault, engine.plan.calls = plan.at, plan.fault, 0  # type: ignore[attr-defined]
        return self.world.trouble()

    def _drain(self) -> None:
        world = self.world
        world.receiver_up = True
        for _ in range(500):
            due_ms = world.next_due_ms()
            if due_ms is None:
                return
            world.clock.to(max(due_ms + 1, world.clock() + MINUTE))
            world.forget_expired()
            with world.trouble():
                world.sweep(world.service("sweep"))
        need(world.next_due_ms() is None, "I2", "the sweep never comes to an end")


def ends_by(head: Head, now_ms: int) -> int:
    """Nobody claims it any more: it waits for its lease, a backoff and its queue timeout."""
    waits_from = max(now_ms, head.not_before or 0, head.lease_until) + head.max_backoff_ms
    launches = head.max_attempts - head.attempt if head.mode else 0  # an unwrapped function's each hold 6 h and a bit
    by_ms = max(head.queue_until, waits_from + head.queue_ms, head.due_at or 0) + launches * 7 * 60 * MINUTE
    return by_ms + 3 * MINUTE + 2 * WORST_SKEW_MS

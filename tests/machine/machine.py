"""The rules: what clients, Lambda, the sweep and time may do, in any order, with at most one fault an act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from chalicelib.wiring import Service
from invoke_once import callback_moves
from invoke_once.records import Head
from invoke_once.store import Applied
from tests.machine.faults import FAULTS, Plan
from tests.machine.history import SEEN, WORST_SKEW_MS, need
from tests.machine.workers import Worker
from tests.machine.world import ANSWERS, CALLBACK, FUNCTIONS, World

KEYS = ("k", "l")
MINUTE = 60_000
NAMES = tuple(FUNCTIONS)
ENDS = ("value", "value", "large", "raise", "raise", "cancelled", "not json", "timeout")
BOUNDARIES = ("lease_until", "not_before", "due_at", "queue_until", "cb_due", "killed")
NESTED = ("sweep", "sweep", "cancel", "deliver", "finish", "redrive", "start", "report")
CALM, WILD = (0, 0, 5_000, -5_000), (0, 300_000, -300_000, 5_000, -5_000)

few = st.integers(0, 11)
#: (at which call, what): most acts go well
kinds = st.sampled_from((*FAULTS, "repeat", "repeat", "lost", *NESTED))
fault = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from((0, 0, 0, 1, 1, 2, 3)), kinds))
skew = st.integers(0, 19)
bodies = st.sampled_from((0, 0, 0, 1, 2, 3))
answers = st.sampled_from(ANSWERS)


class Machine(RuleBasedStateMachine):
    world_of: Callable[[bool], World] = staticmethod(lambda calm: World(calm=calm))

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).world_of(True)
        self.skews: tuple[int, ...] = CALM
        self.names: tuple[str, ...] = NAMES
        self.expiries = 0

    @initialize(calm=st.booleans(), names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True))
    def clocks(self, calm: bool, names: list[str]) -> None:
        """Calm: clocks are wrong by no more than the grace makes up for. Wild: by five minutes."""
        self.world = type(self).world_of(calm)
        self.skews = CALM if calm else WILD
        self.names = tuple(names)

    # --- clients

    @rule(fn=few, key=few, body=bodies, how=st.integers(0, 23), what=fault, off=skew, aws=answers)
    def start(self, fn: int, key: int, body: int, how: int, what: Any, off: int, aws: str) -> None:
        more = {
            "delay_ms": 5_000 if how % 4 == 3 else 0,
            "queue_ms": MINUTE if how % 3 == 2 else 6 * 60 * MINUTE,
            "callback_url": CALLBACK if how % 2 else None,
            "if_failed": "rerun" if how > 19 else "replay",
        }
        svc = self._service("api", off, what, aws)
        with self.world.trouble():
            self.world.start(svc, self._pick(self.names, fn), self._pick(KEYS, key), body, **more)

    @rule(fn=few, key=few, how=few, off=skew)
    def begin(self, fn: int, key: int, how: int, off: int) -> None:
        """A run that gets as far as its first attempt: most of the interesting things happen after that."""
        self.start(fn=fn, key=key, body=0, how=how, what=None, off=off, aws="taken")
        self._deliver(0, off, None)

    @precondition(lambda self: self.world.heads())
    @rule(nth=few, what=fault, off=skew)
    def redrive(self, nth: int, what: Any, off: int) -> None:
        self._redrive(nth, self._service("api", off, what))

    def _redrive(self, nth: int, svc: Service) -> None:
        heads = self.world.heads()
        with self.world.trouble():
            head = svc.store.get(heads[nth % len(heads)].run_id, svc.now_ms()) if heads else None
            if head is not None and isinstance(self.world.redrive(svc, head), Applied):
                SEEN["redriven"] += 1

    @precondition(lambda self: self.world.live_heads())
    @rule(nth=few, what=fault, off=skew)
    def cancel(self, nth: int, what: Any, off: int) -> None:
        self._cancel(nth, self._service("api", off, what))

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

    @precondition(lambda self: any(h.cb_status for h in self.world.heads()))
    @rule(nth=few, off=skew)
    def send_again(self, nth: int, off: int) -> None:
        told = [h for h in self.world.heads() if h.cb_status]
        svc = self._service("api", off, None)
        with self.world.trouble():
            head = svc.store.get(told[nth % len(told)].run_id, svc.now_ms())
            if head is not None and head.cb_status:
                svc.store.apply(callback_moves.send_again(head, svc.now_ms()))

    # --- Lambda

    @precondition(lambda self: self.world.deliverable())
    @rule(nth=few, what=fault, off=skew)
    def deliver(self, nth: int, what: Any, off: int) -> None:
        self._deliver(nth, off, what)

    def _deliver(self, nth: int, off: int, what: Any) -> None:
        events = self.world.deliverable()
        if events:
            with self.world.trouble():
                event = events[-1 - nth % len(events)]
                self.world.deliver_event(event, self._pick(self.skews, off), self._plan(what))

    @precondition(lambda self: self._at_work())
    @rule(nth=few, told=st.floats(0, 1), what=fault)
    def progress(self, nth: int, told: float, what: Any) -> None:
        worker = self._worker(nth)
        if worker.attempt is not None:
            with self._troubled(worker, what):
                worker.attempt.progress(told, "on its way")

    @precondition(lambda self: any(w.event.function == "beating" for w in self._at_work()))
    @rule(nth=few, what=fault)
    def beat(self, nth: int, what: Any) -> None:
        beating = [w for w in self._at_work() if w.event.function == "beating"]
        worker = beating[nth % len(beating)]
        assert worker.attempt is not None
        with self._troubled(worker, what):
            worker.attempt.beat(6_000)
        item = self.world.table.items.get((worker.run_id, "head"), {})
        if item.get("lease_id") == worker.lease_id:
            worker.see_lease(item["lease_until"])

    @precondition(lambda self: self._at_work())
    @rule(nth=few, how=st.sampled_from(ENDS), what=fault)
    def finish(self, nth: int, how: str, what: Any) -> None:
        self._finish(nth, how, what)

    def _finish(self, nth: int, how: str, what: Any) -> None:
        at_work = self._at_work()
        if at_work:
            worker = at_work[-1 - nth % len(at_work)]
            with self._troubled(worker, what):
                self.world.finish(worker, how)

    @precondition(lambda self: self._at_work())
    @rule(nth=few, told=st.booleans())
    def kill(self, nth: int, told: bool) -> None:
        """Its process is gone. What it wrote before is there; Lambda may tell."""
        with self.world.trouble():
            self.world.kill(self._worker(nth))
        if told:
            self._report(-1, False, self._service("record", nth, None))

    @precondition(lambda self: self._at_work())
    @rule(nth=few, by=st.sampled_from((-1, 0, 1)), off=skew, then=few, how=st.sampled_from(ENDS))
    def overrun(self, nth: int, by: int, off: int, then: int, how: str) -> None:
        """An attempt is still at it when its lease ends; somebody may take the run over; then it comes back."""
        worker = self._worker(nth)
        item = self.world.table.items.get((worker.run_id, "head"), {})
        if item.get("lease_id") == worker.lease_id:
            self.world.clock.to(item["lease_until"] + by - self._pick(self.skews, off))
        self._next(then, off, nth, None)
        with self._troubled(worker, None):
            self.world.finish(worker, how)

    @precondition(lambda self: self._at_work())
    @rule(nth=few, told=few, off=skew)
    def fail_and_go_on(self, nth: int, told: int, off: int) -> None:
        """An attempt raises, and the run goes on from there: to its next attempt, if it has one."""
        self._finish(nth, "raise", None)
        self.world.clock.step(told * 5_000)
        self._sweep(off, None)
        self._deliver(0, off, None)

    @precondition(lambda self: self.world.reports)
    @rule(nth=few, keep=st.booleans(), what=fault, off=skew)
    def report(self, nth: int, keep: bool, what: Any, off: int) -> None:
        self._report(nth, keep, self._service("record", off, what))

    def _report(self, nth: int, keep: bool, svc: Service) -> None:
        reports = self.world.reports
        if reports:
            report = reports[nth % len(reports)]
            if not keep:
                reports.remove(report)
            with self.world.trouble():
                self.world.take_report(svc, report)

    # --- the service's own wakings

    @precondition(lambda self: self.world.next_due_ms() is not None)
    @rule(what=fault, off=skew, aws=answers, up=st.booleans())
    def sweep(self, what: Any, off: int, aws: str, up: bool) -> None:
        self.world.receiver_up = up
        with self.world.trouble():
            self.world.sweep(self._service("sweep", off, what, aws))

    @precondition(lambda self: self.world.next_due_ms() is not None)
    @rule(off=skew)
    def sweep_twice(self, off: int) -> None:
        """I13: a second sweep at the same moment finds nothing to do."""
        with self.world.trouble():
            self.world.sweep(self._service("sweep", off, None))
            need(self.world.sweep(self._service("sweep", off, None)) == 0, "I13", "a second sweep wrote")

    # --- time

    @precondition(lambda self: self.world.heads())
    @rule(ms=st.sampled_from((400, 5_000, 20_000, MINUTE, 10 * MINUTE)))
    def tick(self, ms: int) -> None:
        self.world.clock.step(ms)

    @precondition(lambda self: self.world.heads())
    @rule(nth=few, edge=st.sampled_from(BOUNDARIES), by=st.sampled_from((-1, 0, 1)), off=skew, then=few, what=fault)
    def jump(self, nth: int, edge: str, by: int, off: int, then: int, what: Any) -> None:
        """To the moment at which an actor whose clock is wrong by `off` sees the edge, and there something happens."""
        skew_ms = self._pick(self.skews, off)
        at_ms = self._edge(nth, edge)
        if at_ms is None or at_ms + by - skew_ms > self.world.clock() + 7 * 60 * MINUTE:
            return
        self.world.clock.to(at_ms + by - skew_ms)
        self._next(then, off, nth, what)

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

    @precondition(lambda self: self.expiries < 2 and any(h.terminal for h in self.world.heads()))
    @rule(nth=few, by=st.sampled_from((-1, 0, 1)), off=skew, fn=few, body=st.sampled_from((0, 1)), ttl=st.booleans())
    def expire(self, nth: int, by: int, off: int, fn: int, body: int, ttl: bool) -> None:
        """To the edge of a run's retention, the sweep at work meanwhile; then its key is used again."""
        self.expiries += 1
        ended = [h for h in self.world.heads() if h.terminal]
        head = ended[nth % len(ended)]
        skew_ms = self._pick(self.skews, off)
        self.world.pass_until(head.expires_at * 1000 + by - skew_ms)
        if ttl:
            self.world.forget_expired()
        key = next((k for k in KEYS if head.key == k), KEYS[0])
        with self.world.trouble():
            self.world.start(self._service("api", off, None), head.function, key, body)

    def teardown(self) -> None:
        """I2, I10: without further faults, and with nobody claiming, every run ends in time, and every callback."""
        known = {(head.run_id, head.generation) for head in self.world.heads() if head.due_at is not None}
        latest_ms = {head.run_id: _ends_by(head, self.world.clock()) for head in self.world.heads() if not head.terminal}
        self._drain()
        heads = self.world.heads()
        need(known <= {(head.run_id, head.generation) for head in heads}, "I2", "a run is gone")
        for head in heads:
            need(head.terminal, "I2", head.run_id, "is", head.status, "for ever")
            need((head.finished_at or 0) <= latest_ms.get(head.run_id, 1 << 60), "I2", head.run_id, "ended too late")
            need(head.due_at is None, "I13", "an ended run stays in the due index")
            if head.callback_url is not None:
                need(head.cb_status in ("delivered", "failed"), "I10", "callback", head.cb_status)
                need(self.world.sent.get((head.run_id, head.generation)), "I10", "no callback was tried")

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

    # --- picking

    @staticmethod
    def _pick(some: Any, nth: int) -> Any:
        return some[nth % len(some)]

    def _head(self, nth: int) -> Head:
        heads = self.world.heads()
        return heads[nth % len(heads)]

    def _at_work(self) -> list[Worker]:
        return [w for w in self.world.workers if not w.done and not w.dead]

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
            "cancel": lambda: self._cancel(nth, self._service("api", nth, None)),
            "deliver": lambda: self._deliver(nth, nth, None),
            "finish": lambda: self._finish(nth, "value", None),
            "redrive": lambda: self._redrive(nth, self._service("api", nth, None)),
            "start": lambda: self._start_some(nth),
            "report": lambda: self._report(nth, True, self._service("record", nth, None)),
        }
        return acts[kind]

    def _start_some(self, nth: int) -> None:
        with self.world.trouble():
            svc = self._service("api", nth, None)
            self.world.start(svc, self._pick(self.names, nth), self._pick(KEYS, nth), nth % 2)

    def _troubled(self, worker: Worker, what: Any) -> Any:
        """The worker's own next calls meet this fault."""
        if worker.attempt is not None:
            engine = worker.attempt._runtime.store.engine
            plan = self._plan(what)
            engine.plan.at, engine.plan.fault, engine.plan.calls = plan.at, plan.fault, 0  # type: ignore[attr-defined]
        return self.world.trouble()


def _ends_by(head: Head, now_ms: int) -> int:
    """Nobody claims it any more: it waits for its lease, a backoff and its queue timeout, and is looked at each minute."""
    waits_from = max(now_ms, head.not_before or 0, head.lease_until) + head.max_backoff_ms
    launches = head.max_attempts - head.attempt if head.mode else 0  # an unwrapped function's each hold 6 h and a bit
    by_ms = max(head.queue_until, waits_from + head.queue_ms, head.due_at or 0) + launches * 7 * 60 * MINUTE
    return by_ms + 3 * MINUTE + 2 * WORST_SKEW_MS

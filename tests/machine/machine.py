"""The rules: what clients, Lambda, the sweep and time may do, in any order, with at most one fault an act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from invoke_once.life.moves import callback_moves
from tests.machine.acts import CALM, KEYS, MINUTE, NAMES, NESTED, WILD, Acts, ends_by
from tests.machine.faults import FAULTS, Plan
from tests.machine.history import Actor, need
from tests.machine.stage import ANSWERS, CALLBACK
from tests.machine.workers import MAX_DELIVERIES
from tests.machine.world import World

ENDS = ("value", "value", "large", "raise", "raise", "cancelled", "not json", "timeout")
BOUNDARIES = ("lease_until", "not_before", "due_at", "queue_until", "cb_due", "killed")

few = st.integers(0, 11)
#: (at which call, what): most acts go well
kinds = st.sampled_from((*FAULTS, "repeat", "repeat", "lost", *NESTED))
fault = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from((0, 0, 0, 1, 1, 2, 3)), kinds))
#: Of an act that is one write: what can happen to it.
lost = st.one_of(
    st.none(), st.tuples(st.sampled_from((0, 0, 0, 1)), st.sampled_from(("repeat", "lost", *FAULTS, *NESTED)))
)
skew = st.integers(0, 19)
bodies = st.sampled_from((0, 0, 0, 1, 2, 3))
answers = st.sampled_from(ANSWERS)


class Machine(Acts, RuleBasedStateMachine):
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

    @rule(fn=few, key=few, body=bodies, how=st.integers(0, 23), what=lost, off=skew, aws=answers)
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

    @precondition(lambda self: self.world.live_heads())
    @rule(nth=few, what=fault, off=skew)
    def cancel(self, nth: int, what: Any, off: int) -> None:
        self._cancel(nth, self._service("api", off, what))

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
    @rule(nth=few, what=lost, off=skew)
    def deliver(self, nth: int, what: Any, off: int) -> None:
        self._deliver(nth, off, what)

    @rule(fn=few, key=few, attach=st.booleans(), what=fault, off=skew, inside=few, how=st.sampled_from(ENDS))
    def call(self, fn: int, key: int, attach: bool, what: Any, off: int, inside: int, how: str) -> None:
        """Somebody calls a wrapped function directly, and something else happens while its body is at work."""
        names = [name for name in self.names if name != "plain"]
        if not names:
            return
        meanwhile = self._other(NESTED[inside % len(NESTED)], inside)
        actor = Actor("worker", self._pick(self.skews, off))
        with self.world.trouble():
            self.world.call_directly(
                self._pick(names, fn), self._pick(KEYS, key), attach, actor, self._plan(what), meanwhile, how
            )

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
        self._beat(nth, what)

    @precondition(lambda self: self._at_work())
    @rule(nth=few, how=st.sampled_from(ENDS), what=lost)
    def finish(self, nth: int, how: str, what: Any) -> None:
        self._finish(nth, how, what)

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
        if then % 3 == 0:
            self._sweep(off, None)
        elif then % 3 == 1 and worker.wrapped and worker.event.deliveries < MAX_DELIVERIES:
            with self.world.trouble():
                self.world.deliver_event(worker.event, self._pick(self.skews, off), Plan())
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

    @precondition(lambda self: self.expiries < 2 and any(h.terminal for h in self.world.heads()))
    @rule(nth=few, by=st.sampled_from((-1, 0, 1)), off=skew, then=few, body=st.sampled_from((0, 1)), ttl=st.booleans())
    def expire(self, nth: int, by: int, off: int, then: int, body: int, ttl: bool) -> None:
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
        if then % 2:
            self._deliver(0, off, None)
        zombies = [w for w in self._at_work() if w.run_id == head.run_id and w.generation == head.generation]
        if zombies and then % 3:
            with self._troubled(zombies[0], None):
                self.world.finish(zombies[0], "value")

    def teardown(self) -> None:
        """I2, I10: without further faults, and with nobody claiming, every run ends in time, and every callback."""
        known = {(head.run_id, head.generation) for head in self.world.heads() if head.due_at is not None}
        latest_ms = {head.run_id: ends_by(head, self.world.clock()) for head in self.world.heads() if not head.terminal}
        self.world.check_outputs()
        self._drain()
        heads = self.world.heads()
        gone = known - {(head.run_id, head.generation) for head in heads}
        need(all(self.world.history.lives[life].outcome for life in gone), "I2", "a run is gone, and it never ended")
        for head in heads:
            need(head.terminal, "I2", head.run_id, "is", head.status, "for ever")
            need((head.finished_at or 0) <= latest_ms.get(head.run_id, 1 << 60), "I2", head.run_id, "ended too late")
            need(head.due_at is None, "I13", "an ended run stays in the due index")
            if head.callback_url is not None:
                need(head.cb_status in ("delivered", "failed"), "I10", "callback", head.cb_status)
                need(self.world.sent.get((head.run_id, head.generation)), "I10", "no callback was tried")

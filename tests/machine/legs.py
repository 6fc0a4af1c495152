"""A search over runs with checkpoints and legs, under the invariants of every run and I16, I17 of leg_rules.py."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.runs import dispatch
from invoke_once.errors import ContinueLater
from invoke_once.handler.outcomes import raised
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store import states
from invoke_once.store.store import Applied, Engine, Result, Store
from tests.machine.acts import MINUTE, Acts
from tests.machine.faults import FAULTS, Plan
from tests.machine.history import SEEN, Broken, need
from tests.machine.workers import Worker
from tests.machine.world import World

Item = Mapping[str, Any]


class Noting(Store):
    """A store that remembers the checkpoints it was asked for."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.moves: list[Move] = []

    def apply(self, move: Move) -> Result:
        if move.letter == "G":
            self.moves.append(move)
        return super().apply(move)


class Legs(Acts):
    """Runs of the function `legs`, and what may happen to them."""

    def __init__(self, seed: int, world: World | None = None) -> None:
        self.dice, self.world = random.Random(seed), world or World()
        self.over: set[str] = set()  #: leases of legs that have ended
        self.kept: dict[str, str] = {}  #: lease -> its newest checkpoint

    def start(self) -> None:
        with self.world.trouble():
            self.world.start(self.world.service("api"), "legs", self.dice.choice("kl"), 0)

    def deliver(self) -> Worker | None:
        events = self.world.deliverable()
        if events:
            with self.world.trouble():
                return self.world.deliver_event(self.dice.choice(events[-2:]), 0, self._shaken())
        return None

    def checkpoint(self, *, now: bool = False) -> None:
        for worker in self._at_work()[-1:]:
            assert worker.attempt is not None
            state = f"{worker.lease_id} {self.dice.random()} " + "x" * self.dice.choice((1, 1, 2_000))
            with self.world.trouble(), suppress(ContinueLater):
                if worker.lease_id not in self.over:
                    self.kept[worker.lease_id] = state
                worker.attempt.checkpoint(state, now=now)

    def end(self, how: str = "") -> None:
        for worker in self._at_work()[-1:]:
            assert worker.attempt is not None
            how = how or self.dice.choice(("value", "raise", "raise", "asked", "later", "watchdog", "watchdog"))
            with self.world.trouble():
                if how == "watchdog":  # the body goes on until Lambda kills it
                    self.world.clock.to(worker.killed_at_ms - 2_000)
                    worker.attempt.run_out(30.0)
                elif how in ("asked", "later"):
                    worker.done = True
                    if how == "asked":
                        self.world.history.legs.asked.add(worker.lease_id)
                    worker.attempt.settle(raised(ContinueLater(asked=how == "asked")))
                else:
                    self.world.finish(worker, how)
                if worker.lease_id not in self.over and isinstance(worker.attempt._settled, Applied):
                    self._is_kept(worker)
                self.over.add(worker.lease_id)

    def _is_kept(self, worker: Worker) -> None:
        """I16: the newest checkpoint of a leg that ended, and goes on, is there."""
        item = self.world.table.items.get((worker.run_id, "head"), {})
        mine = item.get("generation") == worker.generation and item.get("attempt") == worker.attempt_no
        if mine and item.get("status") in ("queued", "failed") and worker.lease_id in self.kept:
            head = Head.from_item(item)
            text = states.read(self.world.payloads, head) or b""
            need(self.kept[worker.lease_id].encode() in text, "I16", "the newest checkpoint of a leg is not kept")

    def late_copy(self) -> None:
        """A checkpoint is written, a newer one too, and then a copy of the first comes late."""
        for worker in self._at_work()[-1:]:
            assert worker.attempt is not None
            self.world.clock.step(3_000)
            store = Noting(worker.attempt._runtime.store.engine)
            runtime = worker.attempt._runtime
            worker.attempt._runtime = runtime._replace(store=store)
            self.checkpoint(now=True)
            self.checkpoint(now=True)
            worker.attempt._runtime = runtime
            with self.world.trouble():
                for move in store.moves[:1]:
                    runtime.store.apply(move)

    def kill(self) -> None:
        for worker in self._at_work()[-1:]:
            self.world.kill(worker)
            if self.dice.random() < 0.5:
                with self.world.trouble():
                    self.world.take_report(self.world.service("record"), self.world.reports.pop())

    def sweep(self) -> None:
        self.world.clock.step(self.dice.choice((0, 5_000, MINUTE)))
        with self.world.trouble():
            self.world.sweep(self.world.service("sweep", 0, self._shaken()))

    def cancel(self) -> None:
        self._cancel(self.dice.randrange(9), self.world.service("api"))

    def redrive(self, from_start: bool | None = None) -> None:
        ended = [h for h in self.world.heads() if h.terminal and h.status != Status.SUCCEEDED]
        for head in ended[:1]:
            fresh = self.dice.random() < 0.5 if from_start is None else from_start
            with self.world.trouble():
                result = dispatch.redrive(self.world.service("api"), head, from_start=fresh)
                if isinstance(result, Applied) and fresh:
                    need(not result.head.has_state, "I16", "a redrive from the start kept the state")
                    need(states.read(self.world.payloads, result.head) is None, "I16", "and it can be read")

    def late(self) -> None:
        """An attempt that was taken for lost comes back and writes its checkpoint."""
        for worker in self._at_work()[:1]:
            self.world.clock.to(worker.killed_at_ms + 11_000)
            self.sweep()
            self.deliver()
            assert worker.attempt is not None
            with self.world.trouble(), suppress(Exception, ContinueLater):
                worker.attempt.progress(0.5)  # and with it a checkpoint that is not written yet

    def _shaken(self) -> Plan:
        return Plan(self.dice.randrange(3), self.dice.choice(FAULTS)) if self.dice.random() < 0.2 else Plan()

    def search(self, steps: int = 45) -> None:
        acts = (self.start, self.deliver, self.deliver, self.checkpoint, self.checkpoint, self.end, self.end,
                self.sweep, self.sweep, self.kill, self.cancel, self.redrive, self.late, self.late_copy)  # fmt: skip
        weights = (4, 9, 9, 6, 6, 6, 6, 9, 9, 2, 1, 2, 1, 1)
        self.start()
        for _ in range(steps):
            self.dice.choices(acts, weights)[0]()
        self._drain()
        for head in self.world.heads():
            need(head.terminal, "I2", "a run with legs never ends")
            SEEN["legs"] += head.legs


def broken_by(world: World, seed: int) -> Broken | None:
    try:
        Legs(seed, world).search()
    except Broken as broken:
        return broken
    except (IndexError, KeyError):
        return None
    return None

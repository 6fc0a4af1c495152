"""Gates under everything that happens: processes killed at any write, events and records lost, late and doubled,
attempts that live on beyond their lease, pauses, people who cancel and send again. Then everything works, all must end.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chalicelib.due import gated
from chalicelib.due.attend import attend
from chalicelib.due.sweep import sweep
from chalicelib.gates import pausing
from chalicelib.invoker import Answer, Fired
from chalicelib.pauses import Pauses
from chalicelib.runs import dispatch
from chalicelib.service import Service
from invoke_once.handler.recovery import lose
from invoke_once.life import gates, moves
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Store
from invoke_once.testing import MemoryObjects
from tests.machine.batches import Rewrite, Shaky
from tests.machine.gate_rules import FUNCTIONS, Body, Rules
from tests.machine.history import Broken, first_broken
from tests.unit.gates.line import SETTINGS

BEAT_MS, LIVES_MS = 6_000, 60_000
QUEUE_MS = 120_000
MINUTE = 60_000


class Search(Rules):
    """One seed, from its first POST to its rest. Raises `Broken`.

    What may be wrong: how moves are made, what those who look at runs know of pauses, and the table.
    """

    def __init__(
        self,
        seed: int,
        rewrite: Rewrite = lambda move: move,
        pauses: Callable[[], Pauses] = Pauses,
        shaky: type[Shaky] = Shaky,
    ) -> None:
        self.chance, self.objects = random.Random(seed), MemoryObjects()
        super().__init__()
        self.shaky = shaky(self.table, self.chance, rewrite)
        self.shaky.between, self.shaky.seen = self._meanwhile, self.seen
        self.store = Store(self.shaky)
        self.functions = dict(FUNCTIONS)
        self.limits = self.chance.choice([(1,), (2,), (3, 1)])
        self.patient = self.chance.random() < 0.5  #: nobody's queue timeout is near
        self.posts = 0
        self.svc = self.process()
        self.apis = [self.process() for _ in range(2)]
        self.lookers = [replace(self.process(), pauses=pauses()) for _ in range(2)]

    def process(self) -> Service:
        payloads = Payloads(self.store, self.objects)
        return Service(SETTINGS, self.store, payloads, self.functions, self, self.clock, lambda: 0.0, Pauses())

    # Lambda

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        self.check_fire(target.removeprefix("s-"))
        self.lambda_.fire(target, payload)
        if self.chance.random() < 0.1 and not self.shaky.calm:
            self.lambda_.events.pop()  # AWS said yes and dropped it
        return Fired()

    def _deliver(self) -> None:
        events = self.lambda_.events
        if not events:
            return
        at = self.chance.randrange(len(events))
        again = not self.shaky.calm and self.chance.random() < 0.25
        event = events[at] if again else events.pop(at)
        found = self.store.get(event["run_id"], self.clock())
        if found is None:
            return
        beating = self.functions[found.function].heartbeat_seconds
        lease_ms, left_ms = (BEAT_MS, LIVES_MS) if beating else (LIVES_MS, None)
        claim = moves.claim(event["run_id"], event["generation"], self.clock(), lease_ms, left_ms=left_ms,
                             leg=event.get("leg"))  # fmt: skip
        result = self.store.apply(claim)
        if isinstance(result, Applied):
            self.bodies.append(Body(result.head, self.clock() + LIVES_MS))
            self.check_limits(result.head)

    # what may happen

    def _meanwhile(self) -> None:
        for _ in range(self.chance.randrange(1, 5)):
            self._anything()

    def _anything(self) -> None:
        began = self.began
        if not self.shaky.left:
            self.began = self.writes
        with self.shaky.process(self.chance.choice([None, None, self.chance.randrange(8)])):
            self.chance.choice(self._acts())()
        self.began = began

    def _acts(self) -> list[Callable[[], None]]:
        return [
            *[self._post] * 4,
            *[self._deliver] * 5,
            *[self._end_one] * 4,
            *[self._stream] * 4,
            *[self._later] * 2,
            self.sweeps,
            self._attend_one,
            self._tick,
            self._tick,
            self._kill,
            self._cancel,
            self._send_again,
            self._pause,
            self._resume,
        ]

    @property
    def _api(self) -> Service:
        return self.chance.choice(self.apis)

    @property
    def _looker(self) -> Service:
        return self.chance.choice(self.lookers)

    def _post(self) -> None:
        self.posts += 1
        self.clock.step(1)
        keyed = self.chance.random() < 0.6
        function = self.functions[self.chance.choice(list(FUNCTIONS) if not keyed else ["free", "free", "two"])]
        concurrency = (self.chance.choice("cd"), self.chance.choice(self.limits)) if keyed else None
        queue_ms = 6 * 3_600_000 if self.patient or self.chance.random() < 0.7 else QUEUE_MS
        delay_ms = 5_000 if self.chance.random() < 0.1 else 0
        dispatch.accept(self._api, dispatch.StartRequest(function, "demo", f"k{self.posts}", concurrency=concurrency,
                                                         queue_ms=queue_ms, delay_ms=delay_ms))  # fmt: skip

    def _end_one(self) -> None:
        """An attempt ends; or its watchdog says so, and the body lives on; or it was fenced off, and comes late."""
        if not self.bodies:
            return
        body = self.chance.choice(self.bodies[-6:])
        how = self.chance.choice(["value", "value", "raise", "watchdog"])
        head, now_ms = body.head, self.clock()
        body.ended = body.ended or how != "watchdog"
        fence, until_ms = moves.fence(head), now_ms if how != "watchdog" else body.until_ms + 10_000
        slot = {"slot_until": until_ms} if how == "watchdog" else {}
        if how == "raise" and head.attempt < head.max_attempts:
            self.store.apply(moves.requeue(fence, head, now_ms + 5_000, b"\x00{}", "t"))
            return
        status = Status.SUCCEEDED if how == "value" else Status.TIMED_OUT if how == "watchdog" else Status.FAILED
        fields: dict[str, Any] = {"output": b"\x001"} if how == "value" else {"error": b"\x00{}"}
        self.store.apply(moves.finish(fence, head, status, now_ms, fields | slot, "t"))

    def _kill(self) -> None:
        live = self.live()
        if live:
            body = self.chance.choice(live)
            body.ended = True
            now = self.store.get(body.head.run_id, self.clock())
            if now is not None and now.lease_id == body.head.lease_id and self.chance.random() < 0.5:
                lose(self.svc.payloads, now, self.clock(), why="it was killed", seen_dead=True)  # Lambda tells

    def _stream(self) -> None:
        records = list(self.table.records)
        if self.chance.random() < 0.15:
            self.table.records = []  # lost
        self.stream()
        if self.chance.random() < 0.15:
            self.table.records = records + self.table.records  # and once more, later

    def _later(self) -> None:
        if self.later:
            gate, _ = self.later.pop(self.chance.randrange(len(self.later)))
            attend(self._looker, gate, lambda _svc, _head: None)

    def sweeps(self) -> None:
        swept = sweep(self._looker, lambda _svc, _head: None, workers=1)
        if self.broken is not None or swept.failed:
            raise self.broken or Broken(f"the sweep failed on {swept.failed}")

    def _attend_one(self) -> None:
        heads = self.heads()
        if heads:
            attend(self._looker, self.chance.choice(heads).run_id, lambda _svc, _head: None)

    def _tick(self) -> None:
        self.clock.step(self.chance.choice([100, 1_000, 6_000, 6_000, 20_000, 61_000]))

    def _cancel(self) -> None:
        heads = [h for h in self.heads() if not h.terminal]
        if heads and self.chance.random() < 0.4:
            dispatch.cancel(self._api, self.chance.choice(heads))

    def _send_again(self) -> None:
        ended = [h for h in self.heads() if h.terminal and h.status != "succeeded"]
        if ended:
            dispatch.redrive(self._api, self.chance.choice(ended))

    def _pause(self) -> None:
        function = self.chance.choice(list(FUNCTIONS))
        if self.chance.random() < 0.3:
            with self.pause_known(function):
                pausing.pause(self._api, function, gates.EVERYBODY, "ops", "")

    @contextlib.contextmanager
    def pause_known(self, function: str) -> Any:
        """What was written, whether or not its writer lived to tell."""
        try:
            yield
        finally:
            item = self.table.items.get((gates.pause_id(function), gates.PAUSE), {})
            at_ms, place = self.clock(), (function, gates.EVERYBODY)
            on = '"since":null' not in str(item.get("pauses", '"since":null'))
            if on:
                self.paused_at.setdefault(place, at_ms)
            elif place in self.paused_at:
                until_ms = min(int(item["due_at"]), at_ms)  # who resumed it may have been slow to write
                self.rests.append((function, self.paused_at.pop(place), until_ms))

    def _resume(self, every: bool = False) -> None:
        for function, whom in list(self.paused_at):
            if every or self.chance.random() < 0.5:
                with self.pause_known(function):
                    pausing.resume(self._api, function, whom)

    # one seed

    def search(self, steps: int = 70) -> None:
        for _ in range(steps):
            self._anything()
        self.shaky.calm = True
        self.drain()

    def deliver(self) -> None:
        """Every event that waits in Lambda's queue."""
        while self.lambda_.events:
            self._deliver()

    def stream(self) -> None:
        records, self.table.records = self.table.records, []
        later = lambda gate, delay_s: self.later.append((gate, delay_s))  # noqa: E731
        gated.on_stream(self._looker, records, later, workers=1)

    def drain(self) -> None:
        """Everything works again but the stream, which tells no more: all must end, and no slot stay taken."""
        self._resume(every=True)
        for _ in range(150):
            self.began = self.writes
            self.deliver()
            for body in self.bodies:
                if not body.ended:
                    body.ended = True
                    fields = {"output": b"\x001"}
                    self.store.apply(moves.finish(moves.fence(body.head), body.head, Status.SUCCEEDED, self.clock(),
                                                  fields, "t"))  # fmt: skip
            self.clock.step(MINUTE)
            self.sweeps()
            if self.at_rest():
                return
        waits = [(h.key, h.status, gates.waits_at(h)) for h in self.heads() if h.status not in TERMINAL]
        self.breaks(f"I20: {waits} wait for ever; taken: {self.taken()}")

    def at_rest(self) -> bool:
        return all(head.status in TERMINAL for head in self.heads()) and not self.taken()


def broken_by(seeds: range, **wrong: Any) -> str | None:
    """What the search finds first with that mistake; None: nothing."""
    return first_broken(lambda seed: Search(seed, **wrong).search(), seeds)


__all__ = ["Broken", "Search", "broken_by"]

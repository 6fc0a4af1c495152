"""A batch with its stream and its wake queue, slow looks and slow workers, and others at work in the middle of each.

Nobody dies, no event is lost, and no sweep comes by: whatever one was woken for has to lead to the end (I19) in time.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from chalicelib.batches.look import LARGE
from chalicelib.batches.start import cancel
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from tests.machine.history import Broken, first_broken
from tests.unit.batches.streamed import Streamed

Rewrite = Callable[[Move], Move]
PATIENCE_MS = 300_000  #: the slowest look and what it rests after that; far less than a lapse of everything


class Woken(Streamed):
    """One seed. Raises `Broken`."""

    def __init__(self, seed: int, rewrite: Rewrite = lambda move: move) -> None:
        self.chance = random.Random(seed)
        super().__init__(seed, self._body, large=self.chance.choice([0, 0, LARGE]))
        self.calm, self.depth = False, 0
        self.rewrite = rewrite
        self.streaming.at_read = self._meanwhile
        self.streaming.at_write = self._before

    def _body(self, _index: int, _time: int) -> Status:
        return self.chance.choice([Status.SUCCEEDED, Status.SUCCEEDED, Status.FAILED])

    def _before(self, move: Move) -> Move:
        self._meanwhile()
        return self.rewrite(move)

    def _meanwhile(self) -> None:
        if self.calm or self.depth > 2 or self.chance.random() > 0.15:
            return
        self.depth += 1
        for _ in range(self.chance.randrange(1, 5)):
            self._anything()
        self.depth -= 1

    def _anything(self) -> None:
        self.chance.choice([self._tell, self._tell, self._attend, self._attend, self._run, self._run, self._pass])()

    def _tell(self) -> None:
        self.stream(most=self.chance.choice([1, 3, 100]))

    def _attend(self) -> None:
        self.wake()
        if self.queues.attends:
            self.attend(self.queues.attends.pop(self.chance.randrange(len(self.queues.attends))))

    def _run(self) -> None:
        for _ in range(self.chance.choice([1, 4])):
            if self.queues.targets:
                self.run_body(self.queues.targets.pop(self.chance.randrange(len(self.queues.targets))))

    def _pass(self) -> None:
        self.clock.step(self.chance.choice([10, 300, 1_000, 4_000, 12_000, 25_000]))

    def search(self, steps: int = 40) -> None:
        total = self.chance.choice([1, 2, 5, 5, 120])
        batch_id = self.post(total, max_running=self.chance.choice([None, None, 1, 2])).batch.run_id
        cancelled_at = self.chance.choice([None, self.chance.randrange(steps)])
        for step in range(steps):
            if step == cancelled_at:
                cancel(self.svc, self.batch(batch_id))
            self._anything()
        self.calm = True
        self.flow(PATIENCE_MS)
        batch = self.batch(batch_id)
        if batch.running:
            raise Broken(f"I19: nobody looks again, and it has not ended: {batch.counts}")
        if len({webhook_id for webhook_id, *_ in self.told}) != 1:
            raise Broken(f"I19: told {self.told}")


def broken_by(rewrite: Rewrite, seeds: range) -> str | None:
    return first_broken(lambda seed: Woken(seed, rewrite).search(), seeds)

"""One table, one stepped clock, and callers on it: what several Lambda invocations share, without Lambda."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from invoke_once.errors import StoreUnavailable
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.options import Handler
from invoke_once.handler.outcomes import Outcome, returned
from invoke_once.handler.runtime import Policy, Runtime, use_runtime
from invoke_once.life import keys, moves
from invoke_once.life.head import HEAD, Head
from invoke_once.life.move import Move
from invoke_once.store.payloads import Payloads, error_of
from invoke_once.store.store import Applied, Store, Unwritten, Written
from invoke_once.testing import Clock, Context, MemoryObjects, MemoryTable

TENANT, FUNCTION = "acme", "billing"


class FailingTable(MemoryTable):
    """A table that is away for the moves of some letters."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def write(self, move: Move) -> Written | Unwritten:
        if move.letter in self.away:
            raise StoreUnavailable(f"no {move.letter}")
        return super().write(move)


class World:
    """`call` is one Lambda invocation. A wait inside one steps the clock, and what was planned for then happens."""

    def __init__(self, **policy: Any) -> None:
        self.clock = Clock()
        self.table = FailingTable()
        self.store = Store(self.table)
        self.objects = MemoryObjects()
        self.payloads = Payloads(self.store, self.objects)
        self.policy = Policy(**{"function": FUNCTION, "tenant": TENANT, **policy})
        self._planned: list[tuple[int, Callable[[], None]]] = []
        self._calls = 0

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.store, self.payloads, self.clock, self.policy, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.pass_(int(seconds * 1000))

    def pass_(self, ms: int) -> None:
        self.clock.step(ms)
        due = [plan for plan in self._planned if plan[0] <= self.clock()]
        self._planned = [plan for plan in self._planned if plan not in due]
        for _, act in due:
            act()

    def after(self, ms: int, act: Callable[[], None]) -> None:
        self._planned.append((self.clock() + ms, act))

    def call(
        self, handler: Handler, event: Any = None, *, timeout_ms: int = 60_000, request_id: str | None = None
    ) -> Any:
        self._calls += 1
        context = Context(self.clock, timeout_ms, request_id or f"request-{self._calls}")
        with use_runtime(self.runtime):
            return handler(event, context)

    def elsewhere(self, key: str, event: Any = None, *, lease_ms: int = 60_000, **asked: Any) -> Head:
        """A run that another invocation has begun, and works at until it is told to `end` or dies silently."""
        new = moves.NewRun(TENANT, FUNCTION, key, **asked)
        text = json.dumps(event).encode()
        kept = self.payloads.keep_input(FUNCTION, new.run_id, text, 300, self.clock() // 1000 + 9_999_999)
        new = moves.NewRun(TENANT, FUNCTION, key, payload=kept, **asked)
        result = self.store.apply(moves.register(new, self.clock(), lease_ms, "elsewhere"))
        assert isinstance(result, Applied)
        return result.head

    def end(self, head: Head, value: Any = None, outcome: Outcome | None = None) -> None:
        """That invocation records its outcome."""
        attempt = Attempt(self.runtime, head, self.clock() + 60_000)
        assert isinstance(attempt.settle(outcome or returned(value)), Applied)

    def head(self, key: str) -> Head:
        found = self.store.get(keys.run_id(TENANT, FUNCTION, key), self.clock())
        assert found is not None, f"there is no run with the key {key}"
        return found

    def runs(self) -> list[Head]:
        return [Head.from_item(item) for (_, part), item in self.table.items.items() if part == HEAD]

    def keys(self) -> list[str | None]:
        return [head.key for head in self.runs()]

    def output(self, head: Head) -> Any:
        return json.loads(self.payloads.output(head))

    def input(self, head: Head) -> Any:
        return json.loads(self.payloads.input(head))

    def error(self, head: Head) -> dict[str, Any] | None:
        return error_of(head)


class Body:
    """A handler's body that counts its runs, and does `then` each time."""

    def __init__(self, then: Callable[[Any], Any] = lambda event: {"done": True}) -> None:
        self.events: list[Any] = []
        self._then = then

    def __call__(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        return self._then(event)

    @property
    def count(self) -> int:
        return len(self.events)

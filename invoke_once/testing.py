"""Test your handlers without AWS: an in-memory run store, a clock you step, and a Lambda context.

    from invoke_once.testing import Bench

    def test_report_counts_rows():
        bench = Bench()
        run = bench.run(handler, {"csv": "a\\n1\\n"})
        assert run.status == "succeeded" and run.output == {"rows": 1}

The engine evaluates the very conditions that DynamoDB would: the project's own lifecycle tests run on both.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn

from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.life import moves
from invoke_once.life.head import HEAD, INDEX_KEYS, Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store import states
from invoke_once.store.marshal import event_text
from invoke_once.store.payloads import Payloads, error_of
from invoke_once.store.store import Applied, Item, Key, Store, Unwritten, Written


class Clock:
    """Milliseconds since 1970 that pass only when told to."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def step(self, ms: int) -> None:
        self.now_ms += ms

    def to(self, now_ms: int) -> None:
        """Jump forward to `now_ms`; never back."""
        self.now_ms = max(self.now_ms, now_ms)


class MemoryTable:
    """The engine under `Store`, in memory, with DynamoDB's rules for conditions and updates."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.writes = 0
        self._lock = threading.Lock()

    def write(self, move: Move) -> Written | Unwritten:
        with self._lock:
            found = self.items.get((move.run_id, move.part), {})
            if not all(arm.condition.holds(found) for arm in move.guard):
                return Unwritten(dict(found))
            self.writes += 1
            keys = {"run_id": move.run_id, "part": move.part}
            if not move.replace and keys.keys() & move.set.keys():
                raise StoreUnavailable("an update may not set an item's key", "ValidationException")
            item = dict(move.set) if move.replace else keys | move.changed(found)
            self.items[move.run_id, move.part] = item
            return Written(dict(item))

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        with self._lock:
            found = self.items.get((run_id, part))
            return None if found is None else dict(found)

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        return [item for run_id in run_ids if (item := self.get(run_id, part)) is not None]

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        with self._lock:
            mine = sorted(k for k in self.items if k[0] == run_id and k[1].startswith(prefix))
            return [dict(self.items[k]) for k in mine]

    def index(
        self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool, after: Key | None
    ) -> list[Key]:
        hash_name, range_name = INDEX_KEYS[name]
        with self._lock:
            rows = [(i[range_name], i["run_id"], i["part"]) for i in self.items.values()
                    if i.get(hash_name) == shard and low <= i.get(range_name, low - 1) <= high]  # fmt: skip
        rows.sort(reverse=newest_first)
        if after is not None:
            last = (after.at, after.run_id, after.part)
            rows = [row for row in rows if (row < last if newest_first else row > last)]
        return [Key(run_id, shard, at, part) for at, run_id, part in rows[:limit]]


class MemoryObjects:
    """S3, in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data

    def get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise PayloadCorrupt("the stored payload is missing") from None

    def url(self, key: str, seconds: int) -> str:
        return f"memory://{key}?expires={seconds}"


class Context:
    """What Lambda gives a handler beside the event. Time left is what you say, or what the clock leaves."""

    def __init__(self, clock: Callable[[], int], timeout_ms: int = 900_000, request_id: str = "request-1") -> None:
        self._clock, self._deadline = clock, clock() + timeout_ms
        self.aws_request_id = request_id
        self.function_name = "test"
        self.log_stream_name = "test"

    def get_remaining_time_in_millis(self) -> int:
        return max(self._deadline - self._clock(), 0)


@dataclass(frozen=True, slots=True)
class Finished:
    """A run as a client would see it."""

    id: str
    status: str
    attempt: int
    output: Any
    error: Mapping[str, Any] | None
    progress: float | None
    head: Head
    leg: int = 1
    state: Any = None  #: of its newest checkpoint


class KilledByLambda(BaseException):
    """The time of a handler is over (`Bench.time_out`)."""


#: Options in the words of functions.toml, and what they are here: (name, factor).
_IN_SECONDS = {
    "backoff_seconds": ("backoff_ms", 1000),
    "max_backoff_seconds": ("max_backoff_ms", 1000),
    "heartbeat_seconds": ("heartbeat_ms", 1000),
    "delay_seconds": ("delay_ms", 1000),
    "queue_timeout_seconds": ("queue_ms", 1000),
    "retention_days": ("retention_s", 86_400),
}
_OF_A_RUN = frozenset(moves.NewRun.__dataclass_fields__) - {"key", "payload", "fingerprint"}


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a bench by the names that the library has for them. Raises `TypeError` for one that is none."""
    from invoke_once.handler.runtime import Policy

    known = {*_IN_SECONDS, *_OF_A_RUN, *Policy._fields}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 3)
            raise TypeError(f"Bench has no option {name!r}; " + (f"near: {', '.join(near)}" if near else
                            f"it has {', '.join(sorted(known))}"))  # fmt: skip
        ours, factor = _IN_SECONDS.get(name, (name, 0))
        found[ours] = int(value * factor) if factor else value
    return found


def _need_tracked(handler: Any) -> None:
    from invoke_once.handler.kinds import MARK

    if not getattr(handler, MARK, False):
        name = getattr(handler, "__name__", "the handler")
        raise TypeError(f"{name} is not wrapped: put @tracked above it (a decorator above that needs functools.wraps)")


class Bench:
    """One in-memory store and clock, and a way to run a handler on them.

    Options are those of a function in functions.toml: `max_attempts`, `backoff_seconds`, `max_backoff_seconds`,
    `jitter`, `on_lost`, `on_timeout`, `max_legs`, `heartbeat_seconds`, `retention_days`; and of a start:
    `delay_seconds`, `queue_timeout_seconds`.
    """

    def __init__(self, *, tenant: str = "demo", function: str = "test", **policy: Any) -> None:
        policy = _policy(policy)
        self.clock = Clock()
        self.table = MemoryTable()
        self.store = Store(self.table)
        self.payloads = Payloads(self.store, MemoryObjects())
        self._new: dict[str, Any] = {"tenant": tenant, "function": function, **policy}
        self._count = 0

    def call(
        self, handler: Callable[[Any, Any], Any], event: Any = None, *, timeout_ms: int = 900_000, request_id: str = ""
    ) -> Any:
        """Call `handler` directly, as a rule, a queue or an SDK would; it registers its own run. Returns its answer.

        Each call is another request of Lambda's, unless `request_id` says that it is the same one again.
        """
        _need_tracked(handler)
        self._count += 1
        context = Context(self.clock, timeout_ms, request_id or f"request-{self._count}")
        with self._in_use():
            return handler(event, context)

    def runs(self) -> list[Finished]:
        """All runs, oldest first."""
        heads = [Head.from_item(item) for (_, part), item in self.table.items.items() if part == HEAD]
        return [self.finished(head.run_id) for head in sorted(heads, key=lambda head: head.created_at)]

    def start(self, event: Any = None, *, key: str | None = None) -> Head:
        """Accept a run, as POST /runs would."""
        self._count += 1
        asked = {name: value for name, value in self._new.items() if name in moves.NewRun.__dataclass_fields__}
        new = moves.NewRun(key=key or f"key-{self._count}", payload={"input": b"\x00" + event_text(event)}, **asked)
        result = self.store.apply(moves.start(new, self.clock()))
        head = result.head
        assert head is not None
        return head

    def deliver(self, handler: Callable[[Any, Any], Any], head: Head, *, timeout_ms: int = 900_000) -> Any:
        """Give `handler` the event that the service would fire for this run: as often as you like."""
        from invoke_once.handler.envelope import fired_event

        _need_tracked(handler)
        event = json.loads(fired_event(head, self.payloads.input(head), self.clock()))
        with self._in_use():
            return handler(event, Context(self.clock, timeout_ms))

    def _in_use(self) -> AbstractContextManager[Any]:
        from invoke_once.handler.runtime import Policy, Runtime, use_runtime

        policy = Policy(**{name: value for name, value in self._new.items() if name in Policy._fields})
        return use_runtime(Runtime(self.store, self.payloads, self.clock, policy, self._sleep))

    def _sleep(self, seconds: float) -> None:
        """A wait inside the library steps the clock instead."""
        self.clock.step(int(seconds * 1000))

    def finished(self, run_id: str) -> Finished:
        head = self.store.get(run_id, self.clock())
        if head is None:
            raise LookupError(run_id)
        output = json.loads(self.payloads.output(head)) if head.status == "succeeded" else None
        kept = states.read(self.payloads, head)
        state = None if kept is None else json.loads(kept)
        return Finished(head.run_id, head.status, head.attempt_number, output, error_of(head), head.progress, head,
                        head.leg, state)  # fmt: skip

    def map(self, handler: Callable[[Any, Any], Any], events: Sequence[Any]) -> list[Finished]:
        """Run the handler once for each event, as a batch does; what became of them, in order."""
        return [self.run(handler, event) for event in events]

    def run(
        self,
        handler: Callable[[Any, Any], Any],
        event: Any = None,
        *,
        key: str | None = None,
        timeout_ms: int = 900_000,
    ) -> Finished:
        """Start, deliver once, and look."""
        head = self.start(event, key=key)
        self.deliver(handler, head, timeout_ms=timeout_ms)
        return self.finished(head.run_id)

    def go_on(self, handler: Callable[[Any, Any], Any], run: Finished, *, timeout_ms: int = 900_000) -> Finished:
        """The next leg or attempt of a run that waits for it, at its time, as the service would fire it."""
        head = self.store.get(run.id, self.clock())
        if head is None or head.status != Status.QUEUED:
            raise ValueError(f"the run is {head.status if head else 'gone'}: it waits for no leg and no attempt")
        if head.not_before is not None:
            self.clock.to(head.not_before)
            head = self.store.apply(moves.release(head, self.clock())).head
            assert head is not None
        self.deliver(handler, head, timeout_ms=timeout_ms)
        return self.finished(run.id)

    def time_out(self) -> NoReturn:
        """Called in a handler, or in what it calls: its time is over now. The watchdog acts, then Lambda ends it.

        The clock is stepped to the end of its time. What the handler would have done next is not done.
        """
        from invoke_once.handler.attempt import Attempt
        from invoke_once.handler.current import current_run
        from invoke_once.handler.watchdog import margin_ms

        attempt = current_run()
        if not isinstance(attempt, Attempt):
            raise RuntimeError("time_out is called in a handler")
        left_ms = int(attempt.time_left * 1000)
        self.clock.step(left_ms - margin_ms(left_ms))
        attempt.run_out(left_ms / 1000)
        self.clock.step(margin_ms(left_ms))
        raise KilledByLambda


__all__ = ["Applied", "Bench", "Clock", "Context", "Finished", "KilledByLambda", "MemoryObjects", "MemoryTable"]

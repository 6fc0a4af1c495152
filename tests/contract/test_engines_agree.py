"""Any sequence of moves, from fresh and stale heads, at any boundary: both engines let the same through.

What is proven of the life of a run on the in-memory engine (tests/machine) holds for DynamoDB because of this.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from invoke_once.life import moves
from invoke_once.life.head import HEAD, Head
from invoke_once.life.move import Move
from invoke_once.life.moves import callback_moves
from invoke_once.life.status import Status
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.store import Applied, Refused, Result, Store
from invoke_once.testing import MemoryTable
from tests.contract.conftest import NOW

ERROR = b"\x00{}"
_keys = itertools.count()
#: Everything that may be asked of a run, as a function of a head (fresh or stale) and a time.
MOVES: dict[str, Callable[[Head, int], Move]] = {
    "A": lambda h, at: moves.start(_new(h), at),
    "B": lambda h, at: moves.register(_new(h), at, 1_000, "request-1"),
    "C": moves.release,
    "D": moves.dispatch,
    "E": lambda h, at: moves.claim(h.run_id, h.generation, at, 1_000, at),
    "F": lambda h, at: moves.launch(h, at, 1_000),
    "G": lambda h, at: moves.progress(moves.fence(h), fraction=0.5, message="half", lease_until=at + 5_000),
    "H ok": lambda h, at: moves.finish(moves.fence(h), h, Status.SUCCEEDED, at, {"output": b"\x001"}, "token"),
    "H no": lambda h, at: moves.finish(moves.fence(h), h, Status.FAILED, at, {"error": ERROR}, "token"),
    "I": lambda h, at: moves.requeue(moves.fence(h), h, at + 10, ERROR, "token"),
    "J": lambda h, at: moves.lose(h, at, at + 10, {"error": ERROR}, seen_dead=False),
    "J for good": lambda h, at: moves.lose(h, at, None, {"error": ERROR}, seen_dead=False),
    "J seen dead": lambda h, at: moves.lose(h, at, None, {"error": ERROR}, seen_dead=True),
    "K": lambda h, at: moves.reject(h, at, ERROR),
    "L": lambda h, at: moves.expire(h, at, ERROR),
    "M": moves.cancel,
    "N": lambda h, at: moves.request_cancel(h),
    "O": moves.redrive,
    "P": lambda h, at: moves.rearm(h, at + 500),
    "P off": lambda h, at: moves.rearm(h, None),
    "Q": callback_moves.begin_delivery,
    "R": lambda h, at: callback_moves.end_delivery(h, "pending", at + 5_000, "{}"),
    "R done": lambda h, at: callback_moves.end_delivery(h, "delivered", None, "{}"),
    "S": callback_moves.send_again,
    "T": lambda h, at: callback_moves.postpone(h, at + 700),
    "U": lambda h, at: moves.give_back(h, at + 10, ERROR),
    "V": lambda h, at: moves.note(h, ERROR),
}
EDGES = ("lease_until", "not_before", "queue_until", "due_at", "cb_due")
step = st.tuples(
    st.sampled_from(sorted(MOVES)),
    st.integers(0, 2),  # from which head: the newest, or one or two states ago
    st.sampled_from(EDGES),
    st.sampled_from((-1, 0, 1, 1)),
    st.booleans(),  # the same write again, as botocore repeats it
)
#: What most runs go through, so that the deep states are met often.
COMMON = (
    (), ("E",), ("E", "I"), ("E", "N"), ("F",),
    ("E", "H no"), ("E", "H no", "Q"), ("E", "H ok", "Q", "R"), ("E", "H no", "O"),
)  # fmt: skip


def _new(head: Head) -> moves.NewRun:
    return moves.NewRun(head.tenant, head.function, head.key or "", max_attempts=2, callback_url="https://a.example/")


class Pair:
    """One run on two engines."""

    def __init__(self, real: DynamoTable, policy: dict[str, Any]) -> None:
        self.stores = [Store(MemoryTable()), Store(real)]
        new = moves.NewRun("agree", "echo", f"key-{next(_keys)}", **policy)
        self.heads = [self.make(moves.start(new, NOW)).head]
        self.now = NOW

    def make(self, move: Move) -> Any:
        """Made on both, with one answer."""
        if move.part != HEAD:
            ours, theirs = (type(store.put_part(move)).__name__ for store in self.stores)
            assert ours == theirs, move
            return Refused(None, ())
        in_memory, in_dynamo = (store.apply(move) for store in self.stores)
        assert _told(in_memory) == _told(in_dynamo), move
        return in_memory

    def go(self, name: str, back: int, edge: str, by: int, again: bool) -> None:
        head = self.heads[max(len(self.heads) - 1 - back, 0)]
        self.now = max(self.now, (getattr(self.heads[-1], edge) or self.now) + by)
        move = MOVES[name](head, self.now)
        for _ in range(2 if again else 1):
            result = self.make(move)
            if isinstance(result, Applied) and result.head != self.heads[-1]:
                self.heads.append(result.head)

    def stored(self) -> list[Any]:
        run_id = self.heads[0].run_id
        engines = [store.engine for store in self.stores]
        return [[_plain(item) for item in (e.get(run_id, HEAD), *e.parts(run_id, "delivery"))] for e in engines]


def _told(result: Result) -> Any:
    arms = result.arms if isinstance(result, Refused) else result.repeated
    return type(result).__name__, arms, result.head


def _plain(item: Any) -> dict[str, Any]:
    return {name: value for name, value in sorted(item.items()) if value is not None}


@settings(
    max_examples=80, deadline=None, derandomize=True, database=None, phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    first=st.sampled_from(COMMON),
    steps=st.lists(step, min_size=1, max_size=8),
    delay_ms=st.sampled_from((0, 0, 5_000)),
    on_lost=st.sampled_from(("retry", "fail")),
)
def test_both_engines_let_the_same_moves_through(
    real_table: DynamoTable, first: tuple[str, ...], steps: list[Any], delay_ms: int, on_lost: str
) -> None:
    policy = {"delay_ms": delay_ms, "on_lost": on_lost, "max_attempts": 2, "callback_url": "https://a.example/"}
    pair = Pair(real_table, policy)
    if delay_ms:
        pair.go("C", 0, "not_before", 0, False)
    for name in first:
        pair.go(name, 0, "created_at", 1, False)
    for one in steps:
        pair.go(*one)
    in_memory, in_dynamo = pair.stored()
    assert in_memory == in_dynamo

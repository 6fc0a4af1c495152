"""Which run an equal direct call attaches to, where no key tells: the numbered runs of one function and payload.

Their keys are `payload:HASH:1`, `:2`, … A number is begun only when the one before ended longer ago than the window,
and who begins it is decided, as for any key, by the conditional write of its head. The `slot` item is a hint, so that
nobody counts from 1: the last number begun. It is written after the head, by who began the run; where that caller
died in between it is one behind, and the next one finds the run and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.handler.runtime import Runtime
from invoke_once.life import keys, moves
from invoke_once.life.conditions import any_of, below, missing
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.store.store import Applied, Result, Store

#: Longer than a run is kept after its creation: retention, a queue timeout, and a day's grace.
KEPT_LONGER_S = 2 * moves.DAY_S
HASH_CHARS = 22  #: of the payload's SHA-256, base64url: 132 bits


class Payload(NamedTuple):
    """The direct calls of one function that have the same payload."""

    tenant: str
    function: str
    sha: str

    @property
    def slot_id(self) -> str:
        return "slot_" + keys.owned(self.function, [self.tenant, self.function, self.sha])

    def key(self, number: int) -> str:
        """The idempotency key of its run number `number`, from 1."""
        return f"{keys.RESERVED_KEYS}{self.sha[:HASH_CHARS]}:{number}"

    def run_id(self, number: int) -> str:
        return keys.run_id(self.tenant, self.function, self.key(number))

    def last_number(self, store: Store) -> int:
        """The hint: the last run begun, or one before it. 0: none."""
        found = store.part(self.slot_id, "slot")
        return int(found["sequence"]) if found else 0


def enter(
    rt: Runtime,
    payload: Payload,
    window_ms: int,
    register: Callable[[str], Result],
    run: Callable[[Head], Any],
    follow: Callable[[Head], Any],
) -> Any:
    """Begin the payload's next run, or follow the one that holds: live, or ended at most `window_ms` ago."""
    number = payload.last_number(rt.store)
    held = rt.store.get(payload.run_id(number), rt.now_ms()) if number else None
    while held is None or _is_over(held, rt.now_ms(), window_ms):
        number += 1
        result = register(payload.key(number))
        held = result.head
        if isinstance(result, Applied):
            _hint(rt, payload, number)
            return run(result.head)
    return follow(held)


def _is_over(head: Head, now_ms: int, window_ms: int) -> bool:
    return head.terminal and (head.finished_at or 0) + window_ms < now_ms


def _hint(rt: Runtime, payload: Payload, number: int) -> None:
    """Move the hint forward, never back. Without it the next caller counts one further; so it may fail."""
    item = {
        "run_id": payload.slot_id, "part": "slot", "sequence": number,
        "expires_at": rt.now_ms() // 1000 + rt.policy.retention_s + KEPT_LONGER_S,
    }  # fmt: skip
    behind = any_of(missing("sequence"), below("sequence", number))
    try:
        rt.store.put_part(Move("slot", payload.slot_id, (Arm("behind", behind),), item, part="slot", replace=True))
    except StoreUnavailable as error:
        log.event("slot_not_told", reason=str(error))

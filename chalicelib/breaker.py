"""Spare a receiver that keeps failing: after five failures in a row it is tried once in a while, by one of us.

One small item a receiver and tenant (so that no tenant can shut another's receiver off), read before each
attempt and written only when an attempt fails, or succeeds again: healthy receivers cost no write. Counting is
not exact under concurrency and need not be.
"""

from dataclasses import dataclass
from typing import Final

from chalicelib.webhook import Outcome
from invoke_once.conditions import Equals
from invoke_once.lifecycle import Arm, Move
from invoke_once.records import digest
from invoke_once.store import Item, Store, Unwritten, Written

FAILURES: Final = 5  #: in a row, before a receiver is spared
FIRST_PAUSE_MS: Final = 30_000
LAST_PAUSE_MS: Final = 3_600_000
PROBE_MS: Final = 30_000  #: while one of us tries, the others wait this long
FORGOTTEN_MS: Final = 24 * 3_600_000
PART: Final = "receiver"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The receiver's standing as it was read: `failures` in a row, closed until `closed_until` (ms)."""

    store: Store
    key: str
    failures: int
    closed_until: int

    def wait_until(self, now_ms: int) -> int | None:
        """None: go ahead. Else when to come again, because it is spared, or another of us is trying it."""
        if self.failures < FAILURES:
            return None
        if now_ms < self.closed_until:
            return self.closed_until
        found = self._write({"closed_until": now_ms + PROBE_MS}, Arm("nobody tries", self._as_seen()))
        return None if isinstance(found, Written) else int(found.item.get("closed_until", now_ms + PROBE_MS))

    def report(self, outcome: Outcome, now_ms: int) -> None:
        """Count a failure of the receiver, or forget the ones before. No write while all is well."""
        if not _is_trouble(outcome):
            if self.failures:
                self._write({"failures": 0, "closed_until": 0})
            return
        asked_ms = round(1000 * min(outcome.retry_after_s or 0, LAST_PAUSE_MS / 1000))
        pause_ms = min(FIRST_PAUSE_MS * 2 ** min(max(self.failures + 1 - FAILURES, 0), 10), LAST_PAUSE_MS)
        self._write(
            {
                "failures": self.failures + 1,
                "closed_until": now_ms + max(pause_ms, asked_ms),
                "expires_at": (now_ms + FORGOTTEN_MS) // 1000,
            }
        )

    def _as_seen(self) -> Equals:
        return Equals("closed_until", self.closed_until)

    def _write(self, values: Item, *guard: Arm) -> Written | Unwritten:
        return self.store.put_part(Move("receiver", self.key, guard, values, part=PART))


def breaker(store: Store, tenant: str, origin: str, now_ms: int) -> Breaker:
    """The standing of one receiver of one tenant; a day without failures and it is forgotten."""
    key = f"receiver_{digest([tenant, origin])}"
    item = store.engine.get(key, PART, consistent=False) or {}
    if item.get("expires_at", 0) * 1000 <= now_ms:
        item = {}
    return Breaker(store, key, int(item.get("failures", 0)), int(item.get("closed_until", 0)))


def _is_trouble(outcome: Outcome) -> bool:
    """The receiver is down or overloaded. A 404 or a redirect is a wrong URL: the host is well."""
    status = outcome.status_code
    return status is None or status == 429 or status >= 500

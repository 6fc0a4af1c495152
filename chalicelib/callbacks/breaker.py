"""Spare a receiver that keeps failing: after five failures in a row it is tried once in a while, by one of us.

An attempt that is not answered within two seconds counts as a failure until it is: so a receiver that takes calls
and never answers holds the senders that begin within those two seconds, not as many as there are callbacks in the
fifteen seconds until the first of them gives up.

One small item a receiver and tenant (so that no tenant can shut another's receiver off), read before each
attempt and written only when an attempt is slow or fails, or succeeds again: healthy receivers cost no write.
"""

from typing import Final

from msgspec import Struct

from chalicelib.callbacks.webhook import Outcome
from invoke_once.life.conditions import equals
from invoke_once.life.keys import digest
from invoke_once.life.move import Arm, Move
from invoke_once.store.store import Item, Store, Unwritten, Written

FAILURES: Final = 5  #: in a row, before a receiver is spared
FIRST_PAUSE_MS: Final = 30_000
LAST_PAUSE_MS: Final = 3_600_000
SLOW_PAUSE_MS: Final = 5_000  #: while those that are not answered may still be
PROBE_MS: Final = 30_000  #: while one of us tries, the others wait this long
FORGOTTEN_MS: Final = 24 * 3_600_000
PART: Final = "receiver"


Result = Written | Unwritten


class Breaker(Struct, frozen=True):
    """The receiver's standing as it was read: failures in a row, closed until when (ms), after what pause."""

    store: Store
    key: str
    failures: int = 0
    closed_until: int = 0
    pause_ms: int = 0
    forgotten: bool = False  #: there is an item, but what it says is over

    def wait_until(self, now_ms: int) -> int | None:
        """None: go ahead. Else when to come again, because it is spared, or another of us is trying it."""
        if self.failures < FAILURES:
            return None
        if now_ms < self.closed_until:
            return self.closed_until
        nobody = Arm("nobody tries it", equals("closed_until", self.closed_until))
        found = self._write({"closed_until": now_ms + PROBE_MS}, guard=(nobody,))
        return None if isinstance(found, Written) else int(found.item.get("closed_until", now_ms + PROBE_MS))

    def suspect(self, now_ms: int) -> None:
        """An attempt is not answered as soon as it should be: a failure, until its `report` says otherwise."""
        self._count({"closed_until": now_ms + SLOW_PAUSE_MS, "pause_ms": self.pause_ms}, now_ms)

    def report(self, outcome: Outcome, now_ms: int, *, suspected: bool = False) -> None:
        """Count a failure of the receiver, or forget the ones before. No write while all is well.

        The pause doubles when the one that tried a spared receiver fails, not with each of the many attempts
        that may have been under way when it broke.
        """
        if not _is_trouble(outcome):
            if self.failures or suspected:
                self._write({"failures": 0, "closed_until": 0, "pause_ms": 0})
            return
        spared = self.failures >= FAILURES
        pause_ms = min(max(2 * self.pause_ms, FIRST_PAUSE_MS), LAST_PAUSE_MS) if spared else FIRST_PAUSE_MS
        asked_ms = round(1000 * min(outcome.retry_after_s or 0.0, LAST_PAUSE_MS / 1000))
        standing = {"closed_until": now_ms + max(pause_ms, asked_ms), "pause_ms": pause_ms}
        if suspected:
            self._write(standing)
        else:
            self._count(standing, now_ms)

    def _count(self, standing: Item, now_ms: int) -> None:
        """One failure more. What was forgotten is not counted on, though TTL has not deleted it yet."""
        standing = {**standing, "expires_at": (now_ms + FORGOTTEN_MS) // 1000}
        if self.forgotten:
            self._write(standing | {"failures": 1})
        else:
            self._write(standing, add={"failures": 1})

    def _write(self, values: Item, *, add: dict[str, int] | None = None, guard: tuple[Arm, ...] = ()) -> Result:
        return self.store.put_part(Move("receiver", self.key, guard, values, add=add or {}, part=PART))


def breaker(store: Store, tenant: str, origin: str, now_ms: int) -> Breaker:
    """The standing of one receiver of one tenant; a day without failures and it is forgotten."""
    key = f"receiver_{digest([tenant, origin])}"
    item = store.part(key, PART, consistent=False) or {}
    if item.get("expires_at", 0) * 1000 <= now_ms:
        return Breaker(store, key, forgotten=bool(item))
    return Breaker(store, key, item["failures"], item["closed_until"], item["pause_ms"])


def _is_trouble(outcome: Outcome) -> bool:
    """The receiver is down or overloaded. A 404 or a redirect is a wrong URL: the host is well."""
    status = outcome.status_code
    return status is None or status == 429 or status >= 500

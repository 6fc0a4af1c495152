"""Which functions are paused, and for whom: one item a function, read at most every 5 s in a process."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from invoke_once.life import gates
from invoke_once.store.store import Store

KEPT_MS = 5_000


class Pause(Struct, frozen=True):
    """Of one tenant, or of all of them. `total_ms`: how long earlier pauses lasted together."""

    since: int | None = None  #: ms; None: it is not paused now
    by: str = ""
    reason: str = ""
    total_ms: int = 0

    def lasted_ms(self, now_ms: int) -> int:
        return self.total_ms + (max(now_ms - self.since, 0) if self.since is not None else 0)


class Paused(Struct, frozen=True):
    """One function's pauses, by whom they hold back."""

    function: str
    of: Mapping[str, Pause] = {}
    sequence: int = 0
    due_at: int | None = None
    empty_at: int | None = None

    @property
    def looked_after(self) -> bool:
        """The sweep comes by as long as anybody waits for it."""
        return self.due_at is not None and self.empty_at is None

    def whom(self, tenant: str) -> str | None:
        """Whom the pause is for that holds this tenant's runs back; None: none does."""
        for whom in (gates.EVERYBODY, tenant):
            if whom in self.of and self.of[whom].since is not None:
                return whom
        return None

    def lasted_ms(self, tenant: str, now_ms: int) -> int:
        """How long this tenant's runs have been held back, up to now; where two pauses overlapped, by both."""
        return sum(self.of[whom].lasted_ms(now_ms) for whom in (gates.EVERYBODY, tenant) if whom in self.of)

    def text(self) -> str:
        return msgspec.json.encode(self.of).decode()


def read(store: Store, function: str, *, consistent: bool = True) -> Paused:
    """As it is stored now."""
    item = store.part(gates.pause_id(function), gates.PAUSE, consistent=consistent)
    if item is None:
        return Paused(function)
    of = msgspec.json.decode(str(item["pauses"]), type=dict[str, Pause])
    return Paused(function, of, int(item["sequence"]), item.get("due_at"), item.get("empty_at"))


class Pauses(Struct):
    """What this process knows of pauses: nothing is older than `KEPT_MS`."""

    _known: dict[str, tuple[int, Paused]] = field(default_factory=dict)

    def of(self, store: Store, function: str, now_ms: int) -> Paused:
        known = self._known.get(function)
        if known is None or not known[0] <= now_ms < known[0] + KEPT_MS:
            known = self._known[function] = now_ms, read(store, function, consistent=False)
        return known[1]

    def of_now(self, store: Store, function: str, now_ms: int) -> Paused:
        """As it is stored now: for what is about to be held back, which nobody would look at again if it was over."""
        found = read(store, function)
        self.learn(found, now_ms)
        return found

    def learn(self, paused: Paused, now_ms: int) -> None:
        """This process has just changed it, or read it."""
        self._known[paused.function] = now_ms, paused

"""How many calls may be held at once: places in the runs table, shared by every sandbox of the API.

A place is an item that a hold takes with one conditional write and gives back with another; one whose sandbox died is
free again when its time is over. A tenant may have a quarter of the places, so that one alone cannot fill them. Where
the places that were tried are taken, nothing is held; with most of them taken that may be one too few.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from invoke_once.errors import StoreUnavailable
from invoke_once.life.conditions import any_of, below, equals, missing
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves import new_token
from invoke_once.store.store import Store, Written

TRIES = 3
SHARE = 4  #: a tenant has one part in so many
SPARE_MS = 5_000  #: a place outlives its hold by this much, for a sandbox that is slow


def holds_in_flight(env: Mapping[str, str] = os.environ) -> int:
    """ONCE_HOLDS_IN_FLIGHT: calls held at once, of all tenants; 0: none."""
    return int(env.get("ONCE_HOLDS_IN_FLIGHT") or 200)


class Place(Struct, frozen=True):
    run_id: str
    token: str


class Holds(Struct):
    most: int = field(default_factory=holds_in_flight)

    def take(self, store: Store, tenant: str, now_ms: int, until_ms: int, spread: Callable[[], float]) -> Place | None:
        """A place until `until_ms`; None: none was found. Without the table nothing is held."""
        mine, first = max(self.most // SHARE, 1), zlib.crc32(tenant.encode())
        begin = int(spread() * mine)
        for step in range(min(TRIES, mine) if self.most > 0 else 0):
            number = (first + (begin + step) % mine) % self.most
            place, at = Place(f"hold_{number}", new_token()), until_ms + SPARE_MS
            item = {
                "run_id": place.run_id,
                "part": "slot",
                "token": place.token,
                "at": at,
                "expires_at": at // 1000 + 60,
            }
            free = Arm("nobody holds it", any_of(missing("run_id"), below("at", now_ms)))
            move = Move("hold", place.run_id, (free,), item, part="slot", replace=True, mine={"token": place.token})
            try:
                if isinstance(store.put_part(move), Written):
                    return place
            except StoreUnavailable:
                return None
        return None

    def leave(self, store: Store, place: Place) -> None:
        """Give it back; where that fails it is free a little later."""
        mine = (Arm("mine", equals("token", place.token)),)
        try:
            store.put_part(Move("hold", place.run_id, mine, {"at": 0}, part="slot"))
        except StoreUnavailable:
            return

"""Whether a late event's function was paused meanwhile: Lambda's own queue, where it waited, knows nothing of that.

Asked for an event that is older than 5 s (`fired.LATE_MS`), and then at most every 5 s in a process. It is left
unclaimed: its run stays queued, and is held back when it is to be fired again.
"""

from __future__ import annotations

import json

from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.handler.runtime import Runtime
from invoke_once.life import keys

KEPT_MS = 5_000
_known: dict[str, tuple[int, bool]] = {}


def is_paused(rt: Runtime, function: str) -> bool:
    """For everybody. A pause of one tenant's runs is the service's to keep; without the table nobody knows."""
    now_ms = rt.now_ms()
    known = _known.get(function)
    if known is None or not known[0] <= now_ms < known[0] + KEPT_MS:
        known = _known[function] = now_ms, _read(rt, function)
    return known[1]


def _read(rt: Runtime, function: str) -> bool:
    try:
        item = rt.store.part("slot_" + keys.owned(function, ["pause", function]), "pause", consistent=False)
    except StoreUnavailable as error:
        log.event("pause_not_known", function=function, reason=str(error))
        return False
    return item is not None and json.loads(str(item["pauses"])).get("*", {}).get("since") is not None

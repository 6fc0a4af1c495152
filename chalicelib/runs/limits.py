"""How much one tenant may ask for: calls a second, and runs in flight. Neither costs a call to AWS of its own.

Calls    a bucket of tokens per tenant and process: with N sandboxes a tenant may get N times the rate. It bounds a
         runaway loop; fairness between tenants is up to the gateway's throttling.
Runs     an estimate. Runs in flight are in the `due` index, spread evenly over its shards: one shard, counted up to a
         bound and multiplied, bounds what all tenants have together. Only if that is over the limit, a sample of the
         heads tells the tenant's part. A process looks again after some starts and seconds, not at every start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from invoke_once.errors import InvokeOnceError
from invoke_once.life import keys
from invoke_once.store.shards import Shards
from invoke_once.store.store import Store

_TENANTS = 10_000
EVERY_STARTS, EVERY_MS = 25, 5_000  #: the estimate is renewed after both
SAMPLE = 50
MOST_KEYS = 8_000  #: counted in a shard: some 100 read units, and only where so many runs are in flight
SEEN_PAST = 4  #: or so many times the limit: a tenant with a quarter of all that are counted is seen to be over it
PAGE_KEYS = 4_000  #: a page of keys, well within DynamoDB's 1 MB; some 50 read units, where so many are in flight


class OverLimit(InvokeOnceError):
    """The tenant asks for more than it may; `retry_after_s` says when to try again."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = max(retry_after_s, 1)


class Rates(Struct, frozen=True):
    """Per tenant. `calls_per_second` refills a bucket of `burst` calls, in each process."""

    calls_per_second: float = 200
    burst: float = 2_000
    runs_in_flight: int = 10_000


def rates(env: Mapping[str, str] = os.environ) -> Rates:
    """The deployment's: ONCE_CALLS_PER_SECOND, ONCE_CALLS_BURST, ONCE_RUNS_IN_FLIGHT."""
    default = Rates()
    return Rates(
        float(env.get("ONCE_CALLS_PER_SECOND") or default.calls_per_second),
        float(env.get("ONCE_CALLS_BURST") or default.burst),
        int(env.get("ONCE_RUNS_IN_FLIGHT") or default.runs_in_flight),
    )


class _Seen(Struct):
    """One tenant's runs in flight, as they were estimated last."""

    in_flight: int = 0
    starts: int = 0  #: since then, in this process
    at_ms: int = 0


class Limits(Struct):
    rates: Rates = field(default_factory=rates)
    _buckets: dict[str, tuple[float, int]] = field(default_factory=dict)  # tenant: (calls left, at ms)
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def take(self, tenant: str, now_ms: int) -> None:
        """Count one call. Raises OverLimit, which says when the next one is free."""
        if len(self._buckets) > _TENANTS:
            self._buckets.clear()
        left, at_ms = self._buckets.get(tenant, (self.rates.burst, now_ms))
        left = min(self.rates.burst, left + max(now_ms - at_ms, 0) * self.rates.calls_per_second / 1000)
        if left < 1:
            wait_s = (1 - left) / self.rates.calls_per_second
            raise OverLimit("This tenant makes too many calls.", round(wait_s + 0.5))
        self._buckets[tenant] = (left - 1, now_ms)

    def start(self, store: Store, tenant: str, now_ms: int, spread: Callable[[], float]) -> None:
        """Count one start. Raises OverLimit while the tenant has too many runs in flight."""
        if len(self._seen) > _TENANTS:
            self._seen.clear()
        seen = self._seen.setdefault(tenant, _Seen(at_ms=now_ms))
        seen.starts += 1
        over = seen.in_flight >= self.rates.runs_in_flight
        if now_ms - seen.at_ms >= EVERY_MS and (over or seen.starts >= EVERY_STARTS):
            self._seen[tenant] = seen = _Seen(self._in_flight(store, tenant, now_ms, spread), 0, now_ms)
        if seen.in_flight >= self.rates.runs_in_flight:
            raise OverLimit("This tenant has too many runs in flight.", EVERY_MS // 1000)

    def _in_flight(self, store: Store, tenant: str, now_ms: int, spread: Callable[[], float]) -> int:
        shards = keys.due_shards()
        shard = shards[min(int(spread() * len(shards)), len(shards) - 1)]
        most = max(MOST_KEYS, SEEN_PAST * self.rates.runs_in_flight // len(shards) + 1)
        listed = list(Shards(store, "due", shards).keys(shard, size=PAGE_KEYS, most=most))
        everyone = len(listed) * len(shards)
        if everyone < self.rates.runs_in_flight:
            return everyone  # so the tenant is below it too
        step = max(len(listed) // SAMPLE, 1)
        heads = store.get_many([key.run_id for key in listed[::step]][:SAMPLE], now_ms).values()
        mine = sum(head.tenant == tenant and not head.terminal for head in heads)
        return everyone * mine // max(len(heads), 1)

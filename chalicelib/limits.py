"""How much one tenant may ask for: calls a second, and runs in flight.

A bucket of tokens per tenant and process, so that a call costs no request to AWS: with N sandboxes a tenant may
get N times the rate, which bounds a runaway loop and leaves fairness between tenants to the gateway's throttling.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.api.problems import TooManyRequests

_TENANTS = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Per tenant. `calls_per_second` refills a bucket of `burst` calls, in each process."""

    calls_per_second: float = 100
    burst: float = 1_000


def rates(env: Mapping[str, str] = os.environ) -> Rates:
    """The deployment's rates: ONCE_CALLS_PER_SECOND, ONCE_CALLS_BURST."""
    default = Rates()
    return Rates(
        float(env.get("ONCE_CALLS_PER_SECOND") or default.calls_per_second),
        float(env.get("ONCE_CALLS_BURST") or default.burst),
    )


@dataclass(slots=True)
class Limits:
    rates: Rates = field(default_factory=rates)
    _buckets: dict[str, tuple[float, int]] = field(default_factory=dict)  # tenant: (calls left, at ms)

    def take(self, tenant: str, now_ms: int) -> None:
        """Count one call. Raises TooManyRequests, which says when the next one is free."""
        if len(self._buckets) > _TENANTS:
            self._buckets.clear()
        left, at_ms = self._buckets.get(tenant, (self.rates.burst, now_ms))
        left = min(self.rates.burst, left + max(now_ms - at_ms, 0) * self.rates.calls_per_second / 1000)
        if left < 1:
            wait_s = (1 - left) / self.rates.calls_per_second
            raise TooManyRequests("This tenant makes too many calls.", round(wait_s + 0.5))
        self._buckets[tenant] = (left - 1, now_ms)

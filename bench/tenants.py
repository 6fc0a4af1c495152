"""One hot tenant against many: the same number of starts, by one tenant or by twenty, several at a time."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.samples import Progress, quantile
from bench.stand import STACK, Stand
from invoke_once import records

STARTS, AT_ONCE, MANY = 160, 4, 20


def measure(stand: Stand, tell: Progress, starts: int = STARTS) -> dict[str, Any]:
    """{"one": …, "many": …}: rate, latency, and how evenly each index's partitions were written to."""
    tokens = [stand.token(f"bench-{n}") for n in range(MANY)]
    found = {}
    for name, holders in (("one", tokens[:1]), ("many", tokens)):
        tell(f"{starts} starts by {len(holders)} tenant(s)")
        found[name] = _starts(stand, holders, starts)
    return found


def _starts(stand: Stand, tokens: list[str], starts: int) -> dict[str, Any]:
    def one(n: int) -> tuple[str, float]:
        began = time.perf_counter()
        run = stand.start("echo", {"n": n}, token=tokens[n % len(tokens)])
        return run["id"], (time.perf_counter() - began) * 1000

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(one, range(starts)))
    took_s = time.perf_counter() - began
    for run_id, _ in answers:
        stand.ended(run_id, 60)
    times = [ms for _, ms in answers]
    return {
        "per_second": starts / took_s,
        "p50_ms": quantile(times, 0.5),
        "p95_ms": quantile(times, 0.95),
        "busiest": _busiest([run_id for run_id, _ in answers], len(tokens)),
    }


def _busiest(ids: list[str], tenants: int) -> dict[str, float]:
    """The share of each index's writes that its busiest partition takes, for these very run ids."""
    due = Counter(records.due_shard(run_id) for run_id in ids)
    by_tenant = Counter(records.tenant_shard(f"{STACK}-{n % tenants}", run_id) for n, run_id in enumerate(ids))
    return {name: max(found.values()) / len(ids) for name, found in (("due", due), ("by_tenant", by_tenant))}

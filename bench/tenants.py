"""One hot tenant against many: the same number of starts, by one tenant or by twenty, several at a time."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from bench.samples import Progress, quantile
from bench.stand import STACK, Stand
from invoke_once.life import keys

STARTS, AT_ONCE, MANY = 160, 4, 20


def measure(stand: Stand, tell: Progress, starts: int = STARTS) -> dict[str, Any]:
    """{"one": …, "many": …}: rate, latency, and how evenly each index's partitions were written to."""
    tokens = [stand.token(f"bench-{n}") for n in range(MANY)]
    holders = {"one": tokens[:1], "many": tokens}
    taken: dict[str, list[_Start]] = {name: [] for name in holders}
    rates: dict[str, list[float]] = {name: [] for name in holders}
    tell("warm-up")
    _starts(stand, [stand.token("bench-warm-up")], starts // 4)  # so that neither pays for the processes
    for name in ("one", "many", "many", "one"):
        tell(f"{starts // 2} starts by {len(holders[name])} tenant(s)")
        answers, rate = _starts(stand, holders[name], starts // 2)
        taken[name] += answers
        rates[name].append(rate)
    return {name: _told(taken[name], rates[name]) for name in holders}


class _Start(NamedTuple):
    tenant: int
    run_id: str
    took_ms: float


def _starts(stand: Stand, tokens: list[str], starts: int) -> tuple[list[_Start], float]:
    """The starts, and how many there were a second."""

    def one(n: int) -> _Start:
        began = time.perf_counter()
        run = stand.start("echo", {"n": n}, token=tokens[n % len(tokens)])
        return _Start(n % len(tokens), run["id"], (time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(one, range(starts)))
    took_s = time.perf_counter() - began
    for answer in answers:
        stand.ended(answer.run_id, 60)
    return answers, starts / took_s


def _told(answers: list[_Start], rates: list[float]) -> dict[str, Any]:
    times = [answer.took_ms for answer in answers]
    return {
        "per_second": sum(rates) / len(rates),
        "p50_ms": quantile(times, 0.5),
        "p95_ms": quantile(times, 0.95),
        "busiest": _busiest(answers),
    }


def _busiest(answers: list[_Start]) -> dict[str, float]:
    """The share of each index's writes that its busiest partition takes, for these very run ids."""
    due = Counter(keys.due_shard(run_id) for _, run_id, _ in answers)
    by_tenant = Counter(keys.tenant_shard(f"{STACK}-{tenant}", run_id) for tenant, run_id, _ in answers)
    return {name: max(found.values()) / len(answers) for name, found in (("due", due), ("by_tenant", by_tenant))}

"""Beyond one machine: a discrete-event model of 10 to 10 000 runs a second on AWS's limits.

    client ─▶ API Gateway (token bucket) ─▶ API function (an environment of the account's) ─▶ put: table, due, by_tenant
           ─▶ Invoke ─▶ Lambda's queue ─▶ target (an environment) ─▶ claim ─▶ the job ─▶ finish: table, due
           ─▶ a callback: stream ─▶ attend (an environment) ─▶ two writes, one of them of due

An index partition takes 1 000 write units a second; a full one refuses the table's write too, which is then tried
again as botocore does. What is modelled is capacity, not failure. `python -m bench.simulate` prints the tables.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench import capacity, scale_report
from bench.capacity import Load, Shards, Units
from bench.quotas import DEFAULT, PARTITION_WRITE_UNITS, Quotas, raised
from bench.samples import Progress, quantile

SECONDS = 2.5
RATES = (10, 100, 1_000, 3_500, 5_000, 10_000)
TRIES, LONGEST_WAIT_S = 4, 20.0
HOLDS_WITH = 0.001  #: at most this share of starts refused
_BURST_S = 0.05  #: of a partition's rate: the steady state is asked for, not what a rested partition lends

Steps = Generator[Any, Any, None]


class Bucket:
    """Capacity that refills steadily: a partition's write units, the gateway's requests."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self._burst = rate, burst
        self._left, self._at, self.taken = burst, 0.0, 0.0

    def has(self, now: float, amount: float) -> bool:
        self._left = min(self._burst, self._left + (now - self._at) * self.rate)
        self._at = now
        return self._left >= amount

    def take(self, amount: float) -> None:
        self._left -= amount
        self.taken += amount


@dataclass
class Seen:
    """What happened."""

    started: int = 0
    refused: Counter[str] = field(default_factory=Counter)  #: starts that failed, by what refused them
    throttled: Counter[str] = field(default_factory=Counter)  #: writes that had to be tried again, by what was full
    accepted: int = 0
    finished: int = 0
    post_s: list[float] = field(default_factory=list)
    wait_s: list[float] = field(default_factory=list)  #: from accepted to claimed
    busiest: int = 0


class World:
    """One Region of one account."""

    def __init__(self, load: Load, shards: Shards, quotas: Quotas, seed: int = 1) -> None:
        import simpy

        self.load, self.units, self.seen = load, Units(), Seen()
        self.env: Any = simpy.Environment()
        self.chance = random.Random(seed)
        self.gateway = Bucket(quotas.gateway_rps, quotas.gateway_burst * _BURST_S)
        self.environments: Any = simpy.Resource(self.env, quotas.lambda_concurrency)
        self.quota = Bucket(quotas.table_write_units, quotas.table_write_units * _BURST_S)
        self.due = [_partition() for _ in range(shards.due)]
        self.of_tenant = [_partition() for _ in range(shards.tenant)]

    def run(self, seconds: float) -> Seen:
        self.env.process(self._arrivals(seconds))
        self.env.run(until=seconds + 3 * self.load.run_s)
        return self.seen

    def _arrivals(self, seconds: float) -> Steps:
        while self.env.now < seconds:
            yield self.env.timeout(self.chance.expovariate(self.load.rate))
            self.seen.started += 1
            self.env.process(self._one())

    def _one(self) -> Steps:
        """A run, from its POST to its end."""
        due = self.due[self.chance.randrange(len(self.due))]
        began = self.env.now
        if not self.gateway.has(began, 1 + self.load.polls):
            self.seen.refused["API Gateway"] += 1
            return
        self.gateway.take(1 + self.load.polls)
        if self.environments.count >= self.environments.capacity:
            self.seen.refused["Lambda concurrency"] += 1  # a synchronous call is not queued
            return
        with self._environment() as environment:
            yield environment
            yield self.env.timeout(self._about(self.load.post_s))
            tenant = self._tenants_partition()
            if not (yield from self._write({"due": (due, 1), "by_tenant": (tenant, 1)})):
                return
        self.seen.accepted += 1
        self.seen.post_s.append(self.env.now - began)
        yield from self._target(due)

    def _tenants_partition(self) -> Bucket | None:
        """The hottest tenant's; another tenant's writes go elsewhere."""
        if self.chance.random() >= self.load.hottest_tenant:
            return None
        return self.of_tenant[self.chance.randrange(len(self.of_tenant))]

    def _target(self, due: Bucket) -> Steps:
        accepted = self.env.now
        with self._environment() as environment:
            yield environment
            self.seen.wait_s.append(self.env.now - accepted)
            yield from self._write({})
            yield self.env.timeout(self._about(self.load.run_s))
            called_back = self.chance.random() < self.load.callbacks
            yield from self._write({} if called_back else {"due": (due, 1)})
        self.seen.finished += 1
        if called_back:
            with self._environment() as environment:
                yield environment
                yield from self._write({})
                yield self.env.timeout(self._about(self.load.attend_s))
                yield from self._write({"due": (due, 1)})

    def _environment(self) -> Any:
        self.seen.busiest = max(self.seen.busiest, self.environments.count)
        return self.environments.request()

    def _write(self, indexes: Mapping[str, tuple[Bucket | None, float]]) -> Generator[Any, Any, bool]:
        """One write of the table and of its indexes; True if it was taken, in the end."""
        wanted = {"the table's quota": (self.quota, 1.0)}
        wanted |= {name: (bucket, units) for name, (bucket, units) in indexes.items() if bucket is not None}
        for tried in range(TRIES):
            yield self.env.timeout(self._about(self.load.write_s))
            full = [name for name, (bucket, units) in wanted.items() if not bucket.has(self.env.now, units)]
            if not full:
                for bucket, units in wanted.values():
                    bucket.take(units)
                return True
            self.seen.throttled[full[-1]] += 1
            if tried < TRIES - 1:  # as botocore's standard mode waits
                yield self.env.timeout(self.chance.random() * min(2**tried, LONGEST_WAIT_S))
        self.seen.refused[full[-1]] += 1
        return False

    def _about(self, seconds: float) -> float:
        return seconds * self.chance.lognormvariate(-0.045, 0.3)  # a mean of one


def _partition() -> Bucket:
    return Bucket(PARTITION_WRITE_UNITS, PARTITION_WRITE_UNITS * _BURST_S)


@dataclass(frozen=True)
class Scenario:
    """One line of the capacity table."""

    name: str
    load: Load
    shards: Shards
    quotas: Quotas


def scenarios() -> list[Scenario]:
    """Each rate on a new account, with raised quotas, and with the shards it needs."""
    found = []
    for rate in RATES:
        load = Load(rate)
        quotas, shards = raised(capacity.quotas_for(load)), capacity.shards_for(load)
        found.append(Scenario("as it comes", load, Shards(), DEFAULT))
        if quotas != DEFAULT:
            found.append(Scenario("quotas raised", load, Shards(), quotas))
        if shards != Shards():
            found.append(Scenario("and more shards", load, shards, quotas))
    many = replace(Load(10_000), hottest_tenant=0.05)
    wide = replace(capacity.shards_for(Load(10_000)), tenant=Shards().tenant)
    found.append(Scenario("no tenant over 5 %", many, wide, raised(capacity.quotas_for(many))))
    return found


def play(scenario: Scenario, seconds: float) -> dict[str, Any]:
    """What the scenario comes to, as a row of plain values."""
    world = World(scenario.load, scenario.shards, scenario.quotas)
    seen = world.run(seconds)
    refused = sum(seen.refused.values()) / max(seen.started, 1)
    return {
        "scenario": scenario.name,
        "rate": scenario.load.rate,
        "due_shards": scenario.shards.due,
        "tenant_shards": scenario.shards.tenant,
        "lambda_concurrency": scenario.quotas.lambda_concurrency,
        "refused_share": refused,
        "refused_by": dict(seen.refused),
        "throttled_by": dict(seen.throttled),
        "throttled_per_run": sum(seen.throttled.values()) / max(seen.started, 1),
        "post_p50_ms": quantile(seen.post_s, 0.5) * 1000 if seen.post_s else None,
        "post_p95_ms": quantile(seen.post_s, 0.95) * 1000 if seen.post_s else None,
        "wait_p95_s": quantile(seen.wait_s, 0.95) if seen.wait_s else None,
        "busiest_environments": seen.busiest,
        "holds": refused <= HOLDS_WITH,
    }


def measure(tell: Progress, seconds: float = SECONDS, observed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All scenarios, the check against the emulator (`observed`, low_rates.py), and the tables of scale.md."""
    rows = []
    for scenario in scenarios():
        tell(f"{scenario.load.rate:g} runs a second, {scenario.name}")
        rows.append(play(scenario, seconds))
    checked = check(observed) if observed else []
    return {"rows": rows, "check": checked, "tables": scale_report.tables(rows, checked)}


def check(observed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The model at the emulator's own low rates and service times, beside what was seen there."""
    found = []
    for at in observed["rates"]:
        load = Load(at["rate"], run_s=observed["run_s"], polls=0, callbacks=0, post_s=observed["post_s"],
                    write_s=observed["write_s"])  # fmt: skip
        world = World(load, Shards(), DEFAULT)
        seen = world.run(at["seconds"])
        units = world.quota.taken + sum(b.taken for b in (*world.due, *world.of_tenant))
        found.append({
            "rate": at["rate"],
            "units_per_run": (at["units_per_run"], units / max(seen.finished, 1)),
            "post_p50_ms": (at["post_p50_ms"], quantile(seen.post_s, 0.5) * 1000),
            "refused": (at["refused"], sum(seen.refused.values())),
        })  # fmt: skip
    return found


if __name__ == "__main__":
    print("\n\n".join(measure(lambda text: None)["tables"].values()))

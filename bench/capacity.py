"""What a rate of runs needs, in closed form: index shards, quotas, money. The simulation is held against it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench import prices
from bench.quotas import PARTITION_WRITE_UNITS, Quotas
from invoke_once.records import DUE_SHARDS, TENANT_SHARDS

HEADROOM = 0.8  #: of a limit: hashing is even only on average, and traffic is not
SECONDS_A_MONTH = 30 * 86_400
LOG_GB, STORED_GB_MONTH = 0.50, 0.25  #: USD; aws.amazon.com/cloudwatch/pricing and /dynamodb/pricing/on-demand
QUERY_READ_UNITS = 0.5


@dataclass(frozen=True)
class Load:
    """Who asks for how much. Times are what the parts take on AWS, in seconds."""

    rate: float  #: runs a second
    run_s: float = 1.0  #: of the job itself
    polls: float = 2.0  #: a run
    callbacks: float = 0.2  #: share of runs that have one
    hottest_tenant: float = 1.0  #: share of the runs that one tenant starts
    lost: float = 0.001  #: share of events that are lost and found by the sweep
    post_s: float = 0.025  #: the API function for POST: PutItem and Invoke
    poll_s: float = 0.008
    write_s: float = 0.005  #: one DynamoDB write
    attend_s: float = 0.150  #: a callback: three DynamoDB calls and the receiver


@dataclass(frozen=True)
class Units:
    """Write units of a run by place, as counted (docs/explanation/performance.md); a callback's come on top."""

    table: float = 3
    due: float = 2
    by_tenant: float = 1
    table_callback: float = 2


@dataclass(frozen=True)
class Shards:
    """How many partitions an index's writes are spread over: `records.DUE_SHARDS` and `TENANT_SHARDS`."""

    due: int = DUE_SHARDS
    tenant: int = TENANT_SHARDS


def shards_for(load: Load, units: Units | None = None) -> Shards:
    """The fewest that hold, of powers of two, and never fewer than there are."""
    units = units or Units()
    due = units.due * load.rate / (HEADROOM * PARTITION_WRITE_UNITS)
    tenant = units.by_tenant * load.rate * load.hottest_tenant / (HEADROOM * PARTITION_WRITE_UNITS)
    return Shards(max(_power(due), DUE_SHARDS), max(_power(tenant), TENANT_SHARDS))


def _power(least: float) -> int:
    return 1 << math.ceil(math.log2(max(least, 1)))


def breaks_at(shards: Shards, load: Load, units: Units | None = None) -> float:
    """Runs a second at which the first index partition is full."""
    units = units or Units()
    due = shards.due * PARTITION_WRITE_UNITS / units.due
    tenant = shards.tenant * PARTITION_WRITE_UNITS / (units.by_tenant * load.hottest_tenant)
    return min(due, tenant)


def concurrency(load: Load) -> float:
    """Lambda environments at work at the same time (Little's law)."""
    api = load.post_s + load.polls * load.poll_s
    target = load.run_s + 2 * load.write_s
    return load.rate * (api + target + load.callbacks * load.attend_s)


def quotas_for(load: Load, units: Units | None = None) -> Quotas:
    """What has to be allowed, with headroom."""
    units = units or Units()
    table = units.table + load.callbacks * units.table_callback
    return Quotas(
        gateway_rps=load.rate * (1 + load.polls) / HEADROOM,
        gateway_burst=load.rate * (1 + load.polls) / HEADROOM / 2,
        lambda_concurrency=math.ceil(concurrency(load) / HEADROOM),
        table_write_units=load.rate * table / HEADROOM,
    )


def sweep_per_minute(budget_s: float = 45, workers: int = 8, one_s: float = 0.021) -> float:
    """Due runs that one sweep gets through: a read, a write and an Invoke each."""
    return budget_s * workers / one_s


def cost_per_million(load: Load, units: Units | None = None, shards: Shards | None = None) -> dict[str, float]:
    """USD for a million runs at this load, by part; without the job's own time, and without free tiers."""
    units, shards = units or Units(), shards or Shards()
    writes = units.table + units.due + units.by_tenant + load.callbacks * units.table_callback
    requests = 1 + load.polls + 1 + load.callbacks * 2
    api_gb_s = 0.5 * (load.post_s + load.polls * load.poll_s) + 0.25 * load.callbacks * load.attend_s
    minutes = prices.MILLION / load.rate / 60
    sweeps = minutes * (prices.LAMBDA_REQUEST + shards.due * QUERY_READ_UNITS * prices.READ_UNIT)
    million = prices.MILLION
    return {
        "DynamoDB writes": million * writes * prices.WRITE_UNIT,
        "DynamoDB reads": million * (load.polls + load.callbacks * 1.5) * prices.READ_UNIT,
        "Lambda requests": million * requests * prices.LAMBDA_REQUEST,
        "Lambda time of the service": million * api_gb_s * prices.LAMBDA_GB_SECOND,
        "API Gateway": million * (1 + load.polls) * prices.API_REQUEST,
        "logs (2 KB a run)": million * 2_000 / 1e9 * LOG_GB,
        "storage (1.5 KB a run, a month)": million * 1_500 / 1e9 * STORED_GB_MONTH,
        "sweeps": sweeps,
    }

"""One model of the service on AWS, in closed form: what a rate of runs takes, what is full first, what it costs.

Prices are US dollars (us-east-1, on demand, November 2026, no free tier) and limits those of a new account there, each
with where AWS says so. Service times are the load's; `low_rates` measures them and holds the model against the
deployed service. `python -m bench.model` prints the tables of docs/explanation/scale.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.samples import markdown
from invoke_once.client.core.requests import WATCH_HOLD_S
from invoke_once.life.keys import DUE_SHARDS, TENANT_SHARDS

MILLION = 1_000_000
WRITE_UNIT = 0.625 / MILLION  #: aws.amazon.com/dynamodb/pricing/on-demand
READ_UNIT = 0.125 / MILLION  #: the same page; what Lambda reads of a stream is free
LAMBDA_REQUEST = 0.20 / MILLION  #: aws.amazon.com/lambda/pricing
LAMBDA_GB_SECOND = 0.0000166667  #: the same page, x86
API_REQUEST = 3.50 / MILLION  #: aws.amazon.com/api-gateway/pricing, REST, the first 333 million a month
LOG_GB, STORED_GB_MONTH = 0.50, 0.25  #: aws.amazon.com/cloudwatch/pricing and /dynamodb/pricing/on-demand

CONCURRENCY = 1_000  #: Lambda developer guide, "Lambda quotas": concurrent executions
SCALING_PER_S = 100  #: "Lambda scaling behavior": 1 000 environments each 10 s, per function
GATEWAY_RPS = 10_000  #: API Gateway developer guide, "Quotas": throttle per account
TABLE_UNITS = 40_000  #: DynamoDB developer guide, "Quotas": on-demand writes of a table and of each index
PARTITION_UNITS = 1_000  #: "Best practices for designing and using partition keys": a property, no quota
HEADROOM = 0.8  #: of a limit: hashing is even only on average, and traffic is not

API_GB, ATTEND_GB = 0.5, 0.25  #: memory of the functions (infra/stages.toml)
HELD_READS_PER_S = 3  #: of a held call, after its first (chalicelib/api/waiting.py)
PROGRESS_S = 2.0  #: how often a handler that tells much has its progress written (invoke_once/handler/attempt.py)
RATES = (10, 100, 1_000, 5_000, 10_000)


@dataclass(frozen=True)
class Load:
    """Who asks for how much. Times are what the parts take on AWS, in seconds."""

    rate: float  #: runs a second
    run_s: float = 1.0  #: of the job itself
    polls: float = 2.0  #: a run
    callbacks: float = 0.2  #: share of runs that have one
    hottest_tenant: float = 1.0  #: share of the runs that one tenant starts
    post_s: float = 0.025  #: the API function for POST: PutItem and Invoke
    poll_s: float = 0.008
    write_s: float = 0.005  #: one DynamoDB write
    attend_s: float = 0.150  #: a callback: three DynamoDB calls and the receiver


@dataclass(frozen=True)
class Units:
    """Write units of a run by place, as counted (performance.md); a callback's come on top."""

    table: float = 3
    due: float = 2
    by_tenant: float = 1
    callback: float = 2

    def of_table(self, load: Load) -> float:
        return self.table + load.callbacks * self.callback

    def of_run(self, load: Load) -> float:
        return self.of_table(load) + self.due + self.by_tenant


@dataclass(frozen=True)
class Shards:
    """How many partitions an index's writes are spread over."""

    due: int = DUE_SHARDS
    tenant: int = TENANT_SHARDS


UNITS, AS_IT_COMES = Units(), Shards()


def shards_for(load: Load) -> Shards:
    """The fewest that hold, of powers of two, and never fewer than there are."""
    due = UNITS.due * load.rate / (HEADROOM * PARTITION_UNITS)
    tenant = UNITS.by_tenant * load.rate * load.hottest_tenant / (HEADROOM * PARTITION_UNITS)
    return Shards(max(_power(due), DUE_SHARDS), max(_power(tenant), TENANT_SHARDS))


def _power(least: float) -> int:
    return 1 << math.ceil(math.log2(max(least, 1)))


def concurrency(load: Load) -> float:
    """Lambda environments at work at the same time (Little's law)."""
    api = load.post_s + load.polls * load.poll_s
    return load.rate * (api + load.run_s + 2 * load.write_s + load.callbacks * load.attend_s)


def taken(load: Load, shards: Shards = AS_IT_COMES) -> dict[str, tuple[float, float]]:
    """By limit: what the load takes of it, and how much there is."""
    return {
        "Lambda concurrency": (concurrency(load), CONCURRENCY),
        "API Gateway": (load.rate * (1 + load.polls), GATEWAY_RPS),
        "the table's write units": (load.rate * UNITS.of_table(load), TABLE_UNITS),
        "a partition of due": (load.rate * UNITS.due / shards.due, PARTITION_UNITS),
        "a partition of by_tenant": (
            load.rate * UNITS.by_tenant * load.hottest_tenant / shards.tenant,
            PARTITION_UNITS,
        ),
    }


def breaks_at(load: Load, shards: Shards = AS_IT_COMES) -> float:
    """Runs a second at which the first index partition is full."""
    found = taken(load, shards)
    return min(load.rate * found[name][1] / found[name][0] for name in found if name.startswith("a partition"))


@dataclass(frozen=True)
class Waiting:
    """What somebody who waits for a run asks of the service meanwhile."""

    requests: int
    held_s: float
    reads: int

    @property
    def usd_per_million(self) -> float:
        busy_s = self.held_s + self.requests * Load(1).poll_s
        call = API_REQUEST + LAMBDA_REQUEST
        return MILLION * (self.requests * call + self.reads * READ_UNIT + busy_s * API_GB * LAMBDA_GB_SECOND)


def waiting(run_s: float, held_for_s: float = WATCH_HOLD_S) -> Waiting:
    """Waiting for a run of `run_s` as our client does: calls are held at first, and then it polls at Retry-After.

    A held call is answered at a change too, and progress changes each 2 s.
    """
    at = held = 0.0
    requests = reads = 0
    while at < run_s:
        hold = min(PROGRESS_S, held_for_s - at, run_s - at)
        requests, reads = requests + 1, reads + 1
        if hold > 0:
            at, held, reads = at + hold, held + hold, reads + math.ceil(hold * HELD_READS_PER_S)
        else:
            at += retry_after_s(at)
    polled = held_for_s < run_s  # the last look finds the end
    return Waiting(requests + polled, held, reads + polled)


def retry_after_s(age_s: float) -> int:
    """Of a run that has been at work for so long, as `chalicelib.runs.documents` has it."""
    return 1 if age_s < 10 else 2 if age_s < 30 else 5 if age_s < 180 else 10


def cost_per_million(load: Load) -> dict[str, float]:
    """USD for a million runs at this load, by part; without the job's own time."""
    api_gb_s = API_GB * (load.post_s + load.polls * load.poll_s) + ATTEND_GB * load.callbacks * load.attend_s
    minutes = MILLION / load.rate / 60
    return {
        "API Gateway": MILLION * (1 + load.polls) * API_REQUEST,
        "DynamoDB writes": MILLION * UNITS.of_run(load) * WRITE_UNIT,
        "DynamoDB reads": MILLION * (load.polls + load.callbacks * 1.5) * READ_UNIT,
        "Lambda requests": MILLION * (2 + load.polls + load.callbacks * 2) * LAMBDA_REQUEST,
        "Lambda time of the service": MILLION * api_gb_s * LAMBDA_GB_SECOND,
        "logs (2 KB a run)": MILLION * 2_000 / 1e9 * LOG_GB,
        "storage (1.5 KB a run, a month)": MILLION * 1_500 / 1e9 * STORED_GB_MONTH,
        "sweeps": minutes * (LAMBDA_REQUEST + shards_for(load).due * READ_UNIT / 2),
    }


def off_by(pairs: Mapping[str, tuple[float, float]]) -> float:
    """How far the model is from what was seen: the factor of the worst figure, 1 where all agree."""
    return max(max(seen / said, said / seen) for seen, said in pairs.values())


def predicted(observed: Mapping[str, Any], waited: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """What `low_rates` and `waiting` saw beside what the model says of it: {figure: (seen, said)}."""
    said = waiting(waited["run_s"])
    found: dict[str, tuple[float, float]] = {
        f"calls of a caller who waits {waited['run_s']:g} s": (waited["requests"], said.requests),
        f"reads of a caller who waits {waited['run_s']:g} s": (waited["reads"], said.reads),
    }
    for at in observed["rates"]:
        load = Load(at["rate"], callbacks=0)
        found[f"write units a run, {at['rate']:g} a second"] = at["units_per_run"], UNITS.of_run(load)
        found[f"POST, median ms, {at['rate']:g} a second"] = at["post_p50_ms"], observed["post_s"] * 1000
    return found


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def tables(observed: Mapping[str, Any] | None = None, waited: Mapping[str, Any] | None = None) -> dict[str, str]:
    """By the names of their markers in scale.md; the check against the emulator where there is one."""
    found = {"capacity": _capacity(), "breaks": _breaks(), "cost": _cost(), "waiting": _waiting()}
    if observed and waited:
        rows = [(name, f"{seen:.2f}", f"{said:.2f}") for name, (seen, said) in predicted(observed, waited).items()]
        found["check"] = markdown(("", "emulator", "model"), rows)
    return found


def _capacity() -> str:
    rows = []
    for rate in RATES:
        load, shards = Load(rate), shards_for(Load(rate))
        needs = {name: at for name, at in taken(load).items() if at[0] > HEADROOM * at[1]}
        rows.append((
            number(rate), *(number(at[0]) for at in list(taken(load).values())[:3]),
            *(f"{at[0] / at[1]:.0%}" for at in list(taken(load).values())[3:]),
            ", ".join(needs) or "nothing", f"{shards.due}, {shards.tenant}",
            f"{max(concurrency(load) / SCALING_PER_S, 1):.0f} s",
        ))  # fmt: skip
    limits = (f"(of {number(limit)})" for _, limit in list(taken(Load(1)).values())[:3])
    head = [f"{name} {limit}" for name, limit in zip(("Lambda at work", "API calls a second", "write units"), limits,
                                                     strict=True)]  # fmt: skip
    return markdown(
        (
            "runs a second",
            *head,
            "fullest partition: due",
            "by_tenant",
            "has to be raised",
            "shards",
            "from nothing in",
        ),
        rows,
    )


def _breaks() -> str:
    rows = [
        (f"{shards.due}, {shards.tenant}", number(breaks_at(Load(1), shards)),
         number(breaks_at(Load(1, hottest_tenant=0.05), shards)))
        for shards in (AS_IT_COMES, Shards(16, 8), Shards(32, 16), Shards(32, 4))
    ]  # fmt: skip
    return markdown(("due, tenant shards", "one tenant starts all", "no tenant starts over 5 %"), rows)


def _cost() -> str:
    parts = cost_per_million(Load(100))
    rows = [(name, f"{usd:.2f}") for name, usd in parts.items()]
    return markdown(("USD", "a million runs"), [*rows, ("**together**", f"**{sum(parts.values()):.2f}**")])


def _waiting() -> str:
    rows: list[Sequence[str]] = []
    callback = 1 * UNITS.callback * WRITE_UNIT + 2 * LAMBDA_REQUEST + ATTEND_GB * Load(1).attend_s * LAMBDA_GB_SECOND
    for name, run_s in (("2 s", 2), ("30 s", 30), ("8 min", 480), ("1 h", 3600)):
        ours, held, polled = waiting(run_s), waiting(run_s, math.inf), waiting(run_s, 0)
        costs = (number(each.usd_per_million) for each in (ours, polled, held))
        rows.append((name, f"{ours.requests}", f"{ours.held_s:.0f} s", *costs, f"{callback * MILLION:.1f}"))
    head = ("a run of", "calls", "held", "our client, USD a million", "polls alone", "held all the time", "a callback")
    return markdown(head, rows)


if __name__ == "__main__":
    print("\n\n".join(tables().values()))

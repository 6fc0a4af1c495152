"""The tables of docs/explanation/scale.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import capacity
from bench.capacity import SECONDS_A_MONTH, Load, Shards
from bench.quotas import DEFAULT

SIZES = (10, 100, 1_000, 10_000)
Row = Mapping[str, Any]


def tables(rows: Sequence[Row], checked: Sequence[Row]) -> dict[str, str]:
    """By the names of their markers."""
    return {
        "capacity": _capacity(rows),
        "quotas": _quotas(),
        "breaks": _breaks(),
        "cost": _cost(),
        "check": _check(checked),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _capacity(rows: Sequence[Row]) -> str:
    shown = []
    for row in rows:
        full = max(row["refused_by"], key=row["refused_by"].get, default="")
        verdict = "yes" if row["holds"] else f"no: {full} is full, {row['refused_share']:.0%} refused"
        post = "" if row["post_p95_ms"] is None else f"{row['post_p95_ms']:.0f} ms"
        shown.append((
            number(row["rate"]), row["scenario"], f"{row['due_shards']}, {row['tenant_shards']}",
            number(row["lambda_concurrency"]), number(row["busiest_environments"]),
            f"{row['throttled_per_run']:.2f}", post, verdict,
        ))  # fmt: skip
    head = ("runs a second", "", "due, tenant shards", "Lambda concurrency", "used", "throttled writes a run",
            "POST, 95th", "holds")  # fmt: skip
    return _table(head, shown)


def _quotas() -> str:
    rows = []
    for rate in SIZES:
        load = Load(rate)
        needed, shards = capacity.quotas_for(load), capacity.shards_for(load)
        ramp_s = capacity.concurrency(load) / DEFAULT.lambda_scaling_per_s
        rows.append((
            number(rate), _asked(needed.lambda_concurrency, DEFAULT.lambda_concurrency),
            _asked(needed.gateway_rps, DEFAULT.gateway_rps),
            _asked(needed.table_write_units, DEFAULT.table_write_units),
            f"{shards.due}, {shards.tenant}", f"{max(ramp_s, 1):.0f} s",
        ))  # fmt: skip
    head = ("runs a second", "Lambda concurrent executions", "API Gateway requests a second",
            "DynamoDB write units a table", "due, tenant shards", "Lambda's ramp from nothing")  # fmt: skip
    return _table(head, rows)


def _asked(needed: float, default: float) -> str:
    return number(needed) if needed <= default else f"**{number(needed)}** (default {number(default)})"


def _cost() -> str:
    parts = {rate: capacity.cost_per_million(Load(rate), shards=capacity.shards_for(Load(rate))) for rate in SIZES}
    rows = [(name, *(f"{parts[rate][name]:.2f}" for rate in SIZES)) for name in parts[SIZES[0]]]
    rows.append(("**a million runs**", *(f"**{sum(parts[rate].values()):.2f}**" for rate in SIZES)))
    rows.append(("a month at this rate", *(_month(rate, sum(parts[rate].values())) for rate in SIZES)))
    return _table(("USD", *(f"{number(rate)} a second" for rate in SIZES)), rows)


def _month(rate: float, usd_per_million: float) -> str:
    return number(rate * SECONDS_A_MONTH / 1e6 * usd_per_million)


def _check(checked: Sequence[Row]) -> str:
    rows = [
        (
            f"{at['rate']:g}", *(_pair(at[key], places) for key, places in
                                 (("units_per_run", 2), ("post_p50_ms", 1), ("refused", 0))),
        )
        for at in checked
    ]  # fmt: skip
    head = ("runs a second", "write units a run: emulator, model", "POST, median ms", "refused")
    return _table(head, rows)


def _pair(values: Sequence[float], places: int) -> str:
    return ", ".join(f"{value:.{places}f}" for value in values)


def _breaks() -> str:
    """Runs a second at which the indexes are full, by their shards."""
    rows = []
    for shards in (Shards(), Shards(16, 8), Shards(32, 16), Shards(64, 32)):
        one = capacity.breaks_at(shards, Load(1))
        many = capacity.breaks_at(shards, Load(1, hottest_tenant=0.05))
        rows.append((f"{shards.due}, {shards.tenant}", number(one), number(many)))
    return _table(("due, tenant shards", "one tenant starts all", "no tenant starts over 5 %"), rows)

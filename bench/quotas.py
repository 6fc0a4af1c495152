"""What AWS allows, and where it says so. Per Region, as a new account finds them in us-east-1 (November 2026)."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Amazon DynamoDB developer guide, "Best practices for designing and using partition keys": no quota, a property.
PARTITION_WRITE_UNITS = 1_000.0
#: The Lambda that a stream shard feeds does this many records at once (chalicelib/wake.py).
STREAM_WORKERS = 8


@dataclass(frozen=True)
class Quotas:
    """Limits that AWS raises on request."""

    gateway_rps: float = 10_000  #: API Gateway developer guide, "Quotas": throttle per account
    gateway_burst: float = 5_000  #: the same; set by AWS from the rate
    lambda_concurrency: int = 1_000  #: Lambda developer guide, "Lambda quotas": concurrent executions
    lambda_scaling_per_s: float = 100  #: "Lambda scaling behavior": 1 000 environments each 10 s, per function
    table_write_units: float = 40_000  #: DynamoDB developer guide, "Quotas": on-demand, a table and each index
    table_first_write_units: float = 4_000  #: "On-demand capacity mode": what a new table takes at once


DEFAULT = Quotas()


def raised(needed: Quotas) -> Quotas:
    """At least what is needed, and never less than the default."""
    return replace(
        DEFAULT,
        gateway_rps=max(DEFAULT.gateway_rps, needed.gateway_rps),
        gateway_burst=max(DEFAULT.gateway_burst, needed.gateway_burst),
        lambda_concurrency=max(DEFAULT.lambda_concurrency, needed.lambda_concurrency),
        table_write_units=max(DEFAULT.table_write_units, needed.table_write_units),
    )

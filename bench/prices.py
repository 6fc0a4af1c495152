"""Prices in US dollars (us-east-1, on demand), and what is published of services that were not run here.

Read in November 2026; each with where it stands. Free tiers are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

MILLION = 1_000_000

WRITE_UNIT = 0.625 / MILLION  #: aws.amazon.com/dynamodb/pricing/on-demand
READ_UNIT = 0.125 / MILLION  #: the same page
LAMBDA_REQUEST = 0.20 / MILLION  #: aws.amazon.com/lambda/pricing
LAMBDA_GB_SECOND = 0.0000166667  #: the same page, x86
API_REQUEST = 3.50 / MILLION  #: aws.amazon.com/api-gateway/pricing, REST, the first 333 million a month
STREAM_READ = 0.0  #: a stream read by Lambda is free: aws.amazon.com/dynamodb/pricing/on-demand
STEP_FUNCTIONS_TRANSITION = 25.0 / MILLION  #: aws.amazon.com/step-functions/pricing, Standard
DURABLE_OPERATION = 8.0 / MILLION  #: aws.amazon.com/lambda/pricing, durable functions; data written is extra


@dataclass(frozen=True)
class Published:
    """A peer as its provider describes it. Nothing here was measured."""

    name: str
    calls: str
    usd_per_million: str
    duplicate: str
    source: str


PUBLISHED = (
    Published(
        "Step Functions Standard, one task",
        "StartExecution, DescribeExecution a poll",
        f"{STEP_FUNCTIONS_TRANSITION * MILLION:.0f} a transition, at least one a run",
        "the same name and input: the running execution; afterwards refused for 90 days",
        "aws.amazon.com/step-functions/pricing; API reference, StartExecution",
    ),
    Published(
        "Lambda durable functions, one step",
        "Invoke with an execution name, checkpoints",
        f"{2 * DURABLE_OPERATION * MILLION:.0f} (start and step), and 0.25 a GB written",
        "the same name and payload: the existing execution",
        "aws.amazon.com/lambda/pricing; Lambda developer guide, durable execution idempotency",
    ),
)

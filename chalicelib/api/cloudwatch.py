"""The CloudWatch Logs client, made at the first use: most processes never need it."""

from __future__ import annotations

from functools import cache
from typing import Any

from invoke_once.store import aws


@cache
def client() -> Any:
    retries = {"mode": "standard", "total_max_attempts": 3}
    return aws.client("logs", connect_timeout=2, read_timeout=10, retries=retries)

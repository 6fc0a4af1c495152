"""The CloudWatch Logs client, made at the first use: most processes never need it."""

from __future__ import annotations

from functools import cache
from typing import Any

from invoke_once.store.aws import session


@cache
def client() -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 3}
    return session().create_client("logs", config=Config(connect_timeout=2, read_timeout=10, retries=retries))

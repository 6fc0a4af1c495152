"""The CloudWatch Logs client, made at the first use: most processes never need it."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def client() -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    retries = {"mode": "standard", "total_max_attempts": 3}
    return get_session().create_client("logs", config=Config(connect_timeout=2, read_timeout=10, retries=retries))

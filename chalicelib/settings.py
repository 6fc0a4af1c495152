"""All configuration of the service, read once, from the environment the template sets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache

from msgspec import Struct, field

from invoke_once.errors import ConfigurationError


class Settings(Struct, frozen=True):
    stack: str  #: ONCE_STACK; every Lambda is named {stack}-{name}
    stage: str  #: ONCE_STAGE
    local: bool  #: ONCE_LOCAL=1: callbacks may go to http and loopback
    runs_table: str  #: ONCE_RUNS_TABLE
    tokens_table: str  #: ONCE_TOKENS_TABLE
    bucket: str  #: ONCE_BUCKET
    wake_queue: str  #: ONCE_WAKE_QUEUE, its URL
    attend_function: str  #: ONCE_ATTEND_FUNCTION
    master_key: str  #: ONCE_MASTER_KEY, an SSM parameter's name
    endpoint_url: str | None  #: AWS_ENDPOINT_URL, where AWS is emulated
    #: ONCE_CALLBACK_TARGETS, JSON: the buses, queues and topics that callbacks may go to, and whose (none: everybody's)
    callback_targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read(env: Mapping[str, str]) -> Settings:
    """Settings from `env`; ConfigurationError names what is missing."""
    missing = [name for name in ("ONCE_STACK", "ONCE_RUNS_TABLE") if not env.get(name)]
    if missing:
        raise ConfigurationError(f"not set in the environment: {', '.join(missing)}")
    stack = env["ONCE_STACK"]
    return Settings(
        stack=stack,
        stage=env.get("ONCE_STAGE", "local"),
        local=env.get("ONCE_LOCAL") == "1",
        runs_table=env["ONCE_RUNS_TABLE"],
        tokens_table=env.get("ONCE_TOKENS_TABLE", ""),
        bucket=env.get("ONCE_BUCKET", ""),
        wake_queue=env.get("ONCE_WAKE_QUEUE", ""),
        attend_function=env.get("ONCE_ATTEND_FUNCTION", f"{stack}-attend"),
        master_key=env.get("ONCE_MASTER_KEY", ""),
        endpoint_url=env.get("AWS_ENDPOINT_URL"),
        callback_targets=_targets(env.get("ONCE_CALLBACK_TARGETS") or "{}"),
    )


def _targets(text: str) -> dict[str, tuple[str, ...]]:
    try:
        return {str(arn): tuple(tenants) for arn, tenants in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError("ONCE_CALLBACK_TARGETS is not a JSON object of lists") from None


@cache
def settings() -> Settings:
    return read(os.environ)

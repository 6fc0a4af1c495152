"""What the HTTP interface stands on beside the service: tokens, limits, keys, time to wait.

Made once per process from the service; tests hand in their own with `use_backend`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from msgspec import Struct, field

from chalicelib.api import cors
from chalicelib.api.health import Health
from chalicelib.runs.holds import Holds
from chalicelib.runs.limits import Limits
from chalicelib.service import Service, connection, service
from chalicelib.tokens import DynamoTokens, TokenCache
from invoke_once.locator import Locator


def _cursor_keys(now_ms: int) -> list[bytes]:
    from chalicelib.keyring import keyring

    return keyring().derive_valid("cursor", now_ms)


def _link_keys(now_ms: int) -> list[bytes]:
    from chalicelib.keyring import keyring

    return keyring().derive_valid("link", now_ms)


def _webhook_secrets(tenant: str, now_ms: int) -> list[str]:
    from chalicelib.keyring import secrets_for

    return [str(secret) for secret in secrets_for(tenant, now_ms)]


def _iam_callers() -> Mapping[Any, Any]:
    from chalicelib.api import iam

    return iam.of_stage()


@cache
def _logs_client() -> Any:
    from invoke_once.store import aws

    return aws.client("logs", connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


class Backend(Struct, frozen=True):
    service: Service
    tokens: TokenCache
    limits: Limits = field(default_factory=Limits)
    holds: Holds = field(default_factory=Holds)
    origins: frozenset[str] = field(default_factory=lambda: cors.origins(os.environ))
    health: Health = field(default_factory=Health)
    cursor_keys: Callable[[int], list[bytes]] = _cursor_keys  #: (now in ms) -> the key in use, then others still valid
    link_keys: Callable[[int], list[bytes]] = _link_keys  #: the same for links
    webhook_secrets: Callable[[str, int], list[str]] = _webhook_secrets  #: (tenant, now in ms), the current one first
    iam_callers: Callable[[], Mapping[Any, Any]] = _iam_callers  #: the roles and users of the stage (iam.py)
    logs: Callable[[], Any] = _logs_client  #: a CloudWatch Logs client
    sleep: Callable[[float], None] = time.sleep


def _of_process() -> Backend:
    svc = service()
    return Backend(svc, TokenCache(DynamoTokens(svc.settings.tokens_table, connection()), svc.now_ms))


backend = Locator(_of_process)
use_backend = backend.use

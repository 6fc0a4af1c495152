"""What a wrapped handler stands on: the store, the payloads, the clock, and the function's own settings.

Read once per process from the environment; tests hand in their own with `use_runtime`.
"""

from __future__ import annotations

import gc
import math
import os
import random
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from invoke_once.errors import ConfigurationError, StoreUnavailable
from invoke_once.handler.current import is_deployed
from invoke_once.locator import Locator
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Store

#: Pauses between tries of a write while DynamoDB or S3 is away, in seconds, each with jitter; the last one repeats.
PAUSES_S = (0.1, 0.3, 1, 2, 5)


#: Set on Managed Instances alone, where an invocation is not killed at its timeout.
MANAGED = "AWS_LAMBDA_MAX_CONCURRENCY"
T = TypeVar("T")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Policy(NamedTuple):
    """How runs that register themselves are kept and retried (the function's entry in functions.toml)."""

    function: str = ""
    tenant: str = "default"
    retention_s: int = 30 * 86_400
    on_lost: str = "retry"
    max_attempts: int = 1
    backoff_ms: int = 10_000
    max_backoff_ms: int = 600_000
    jitter: bool = True
    heartbeat_ms: int = 0
    callback: str = ""
    on_timeout: str = "fail"
    max_legs: int = 100


class Runtime(NamedTuple):
    store: Store
    payloads: Payloads
    now_ms: Callable[[], int] = now_ms
    policy: Policy = Policy()
    sleep: Callable[[float], None] = time.sleep
    #: Where Lambda does not kill an attempt at its timeout, the process ends itself; None: Lambda kills.
    end_process: Callable[[int], object] | None = None

    def keep_trying(self, write: Callable[[], T], until_ms: int, delayed: Callable[[StoreUnavailable], object]) -> T:
        """`write` again and again while the store is away; its `StoreUnavailable` where it still is at `until_ms`.

        `delayed` hears of each failure before the next try, and may raise where another try is of no use.
        """
        tries = 0
        while True:
            try:
                return write()
            except StoreUnavailable as error:
                pause = PAUSES_S[min(tries, len(PAUSES_S) - 1)] * (0.5 + random.random())
                if self.now_ms() + pause * 1000 > until_ms:
                    raise
                delayed(error)
                self.sleep(pause)
                tries += 1


def _policy() -> Policy:
    """Raises ConfigurationError for a setting that says nothing: nobody would see that another value holds."""
    env = os.environ.get
    return Policy(
        function=env("ONCE_FUNCTION", ""),
        tenant=env("ONCE_TENANT", "default"),
        retention_s=int(_number("ONCE_RETENTION_DAYS", 30) * 86_400),
        on_lost=_one_of("ONCE_ON_LOST", "retry", "fail"),
        max_attempts=int(_number("ONCE_MAX_ATTEMPTS", 1, least=1)),
        backoff_ms=int(_number("ONCE_BACKOFF_SECONDS", 10) * 1000),
        max_backoff_ms=int(_number("ONCE_MAX_BACKOFF_SECONDS", 600) * 1000),
        jitter=_one_of("ONCE_JITTER", "1", "0") != "0",
        on_timeout=_one_of("ONCE_ON_TIMEOUT", "fail", "continue"),
        max_legs=int(_number("ONCE_MAX_LEGS", 100, least=1)),
        heartbeat_ms=int(_number("ONCE_HEARTBEAT_SECONDS", 0) * 1000),
        callback=env("ONCE_CALLBACK", ""),
    )


def _number(name: str, default: float, *, least: float = 0) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not least <= found < math.inf:
        raise ConfigurationError(f"{name} is {text!r}: it is a number, {least:g} or more")
    return found


def _one_of(name: str, default: str, other: str) -> str:
    found = os.environ.get(name) or default
    if found not in (default, other):
        raise ConfigurationError(f"{name} is {found!r}: it is {default} or {other}")
    return found


def _from_environment() -> Runtime:
    table = os.environ.get("ONCE_RUNS_TABLE")
    if not table:
        raise ConfigurationError(
            "ONCE_RUNS_TABLE is not set: a tracked function needs the runs table's name in its environment "
            "(in a test, use invoke_once.testing.Bench)"
        )
    from invoke_once.store.dynamo import DynamoTable
    from invoke_once.store.objects import S3Objects

    engine = DynamoTable(table)
    engine.connection.warm()
    store = Store(engine)
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    made = Runtime(store, Payloads(store, S3Objects(os.environ.get("ONCE_BUCKET", ""), endpoint_url=endpoint)),
                   policy=_policy(), end_process=os._exit if MANAGED in os.environ else None)  # fmt: skip
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        gc.freeze()  # all this lives as long as the sandbox: no collection need look at it
    return made


runtime = Locator(_from_environment)
use_runtime = runtime.use


def is_configured() -> bool:
    """Whether a handler called here is to be a run's: in Lambda, in a bench, or where its settings are."""
    return runtime.is_handed_in or is_deployed()

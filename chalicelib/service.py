"""The composition root: settings become the one `Service` that every entry point stands on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from msgspec import Struct, field

from chalicelib import functions
from chalicelib.functions import Function
from chalicelib.invoker import Invoker, LambdaInvoker
from chalicelib.pauses import Pauses
from chalicelib.settings import Settings, settings
from invoke_once.handler.runtime import now_ms
from invoke_once.locator import Locator
from invoke_once.store.connection import Connection
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.objects import S3Objects
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Store

Each = Callable[..., Iterable[Any]]  #: `map`, or a pool's


class Service(Struct, frozen=True):
    """Everything a domain module may touch. Tests hand in their own with `use_service`."""

    settings: Settings
    store: Store
    payloads: Payloads
    functions: Mapping[str, Function]
    invoker: Invoker
    now_ms: Callable[[], int] = now_ms
    spread: Callable[[], float] = random.random
    pauses: Pauses = field(default_factory=Pauses)
    looks_at: dict[str, int] = field(default_factory=dict)  #: gate: when the look comes that this process asked for


@cache
def connection() -> Connection:
    """This process's one connection to DynamoDB, for both tables."""
    return Connection()


def _from_environment() -> Service:
    env = settings()
    store = Store(DynamoTable(env.runs_table, connection=connection()))
    payloads = Payloads(store, S3Objects(env.bucket, endpoint_url=env.endpoint_url))
    return Service(env, store, payloads, functions.registry(), LambdaInvoker())


service = Locator(_from_environment)
use_service = service.use


@contextmanager
def several(threads: int) -> Iterator[Each]:
    """A `map` that does several at once; with one thread the plain one: in order, in this thread."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map

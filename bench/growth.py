"""What a poll, a page of the list and a sweep cost as runs pile up: 100, 10 000 and 100 000 of them.

The API function itself answers in this process (no gateway, which would only dilute the ratio), over HTTP to a table
engine with ordered indexes. The tables lie side by side and are asked in turns. All runs are live: due, but not now.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench import ordered, samples
from bench.samples import Progress
from bench.stand import CREDENTIALS
from chalicelib.due import sweep as sweeping
from chalicelib.functions import Function
from chalicelib.service import Service
from chalicelib.settings import read
from chalicelib.tokens import Token, TokenCache
from invoke_once.life import moves
from invoke_once.life.head import to_item
from invoke_once.life.status import Status
from invoke_once.store.dynamo import DynamoTable, stored
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Store
from invoke_once.testing import MemoryObjects

SIZES = (0, 100, 10_000, 100_000)
ROUNDS, WARM_UP = 60, 8
PAGE = 20
TENANT = "bench"
TOKEN = "once_0123456789abcdef_" + "s" * 43
HOUR_MS = 3_600_000
WHAT = ("poll", "list", "sweep")


def measure(tell: Progress, rounds: int = ROUNDS, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """{"poll": {size: [ms]}, "list": …, "sweep": …, "units": {"poll": {size: RRU}, …}, "loaded_per_second": …}"""
    with ordered.engine() as url, _environment():
        speeds = {size: _table(url, size, tell) for size in sizes}
        asked = {size: Asked(url, size) for size in sizes}
        found: dict[str, Any] = {"units": {}}
        for what in WHAT:
            cases = {str(size): partial(_timed, one.question(what)) for size, one in asked.items() if one.can(what)}
            with contextlib.redirect_stdout(io.StringIO()) as said:
                found[what] = samples.interleaved(cases, rounds, WARM_UP, _quietly(tell, what, said))
                found["units"][what] = {str(size): one.units(what) for size, one in asked.items() if one.can(what)}
        return found | {"loaded_per_second": max(speeds.values())}


def _quietly(tell: Progress, what: str, said: io.StringIO) -> Progress:
    """Progress while standard output is kept, and what the code logged forgotten."""

    def told(text: str) -> None:
        said.seek(0)
        said.truncate()
        tell(f"{what}: {text}")

    return told


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(CREDENTIALS | {"ONCE_STACK": "bench"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _table(url: str, size: int, tell: Progress) -> float:
    tell(f"storing {size} runs")
    name = f"runs-{size}"
    ordered.runs_table(url, name)
    return ordered.load(url, name, stored_runs(size)) if size else 0.0


def stored_runs(count: int) -> Iterator[dict[str, Any]]:
    """Running runs of one tenant, a second apart; leases that end an hour from now."""
    now_ms = time.time_ns() // 1_000_000
    for n in range(count):
        new = moves.NewRun(TENANT, "echo", f"key-{n}", payload={"input": b'\x00{"order":1}', "input_size": 11})
        born = moves.start(new, now_ms - 1000 * (count - n))
        lease = {"lease_id": "abcdefghijklm", "lease_until": now_ms + HOUR_MS, "attempt": 1}
        item = {**born.set, **lease, "status": Status.RUNNING, "started_at": now_ms, "due_at": now_ms + HOUR_MS}
        yield stored(to_item(item))


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


@contextlib.contextmanager
def _hooked(events: Any, name: str, hook: Callable[..., Any]) -> Iterator[None]:
    events.register(name, hook)
    yield
    events.unregister(name, hook)


class Asked:
    """One table, and the service on it."""

    def __init__(self, url: str, size: int) -> None:
        self.size = size
        settings = read({"ONCE_STACK": "bench", "ONCE_RUNS_TABLE": f"runs-{size}"})
        store = Store(DynamoTable(f"runs-{size}", host=url, region="us-east-1"))
        functions = {"echo": Function("echo", "bench-echo")}
        self.service = Service(settings, store, Payloads(store, MemoryObjects()), functions, _NoInvoker())

    def can(self, what: str) -> bool:
        """An empty table has nothing to poll or list; only it and the others are swept."""
        return self.size > 0 or what == "sweep"

    def question(self, what: str) -> Callable[[], None]:
        return {"poll": self.poll, "list": self.page, "sweep": self.sweep}[what]

    def units(self, what: str) -> float:
        """Read units of one question, as the engine counts them."""
        spent: list[float] = []
        events = self.service.store.engine.connection.client.meta.events  # type: ignore[attr-defined]

        def ask_for_them(params: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {**params, "ReturnConsumedCapacity": "TOTAL"}

        def take_them(parsed: dict[str, Any], **_: Any) -> None:
            told = parsed["ConsumedCapacity"]
            spent.extend(one["CapacityUnits"] for one in (told if isinstance(told, list) else [told]))

        with _hooked(events, "provide-client-params.dynamodb", ask_for_them), _hooked(events, "after-call", take_them):
            self.question(what)()
        return sum(spent)

    def poll(self) -> None:
        run_id = moves.NewRun(TENANT, "echo", f"key-{self.size // 2}").run_id
        answer = self._ask("/runs/{run_id}", {"run_id": run_id}, {})
        assert json.loads(answer["body"])["id"] == run_id

    def page(self) -> None:
        answer = self._ask("/runs", {}, {"limit": [str(PAGE)]})
        assert len(json.loads(answer["body"])["runs"]) == PAGE

    def sweep(self) -> None:
        swept = sweeping.sweep(self.service, lambda _service, _head: None)
        assert swept.looked_at == 0

    def _ask(self, route: str, params: dict[str, str], query: dict[str, list[str]]) -> dict[str, Any]:
        from app import app
        from chalicelib.api.backend import Backend, use_backend

        event = {
            "requestContext": {"resourcePath": route, "httpMethod": "GET", "path": route},
            "pathParameters": params,
            "multiValueQueryStringParameters": query,
            "multiValueHeaders": {"Authorization": [f"Bearer {TOKEN}"]},
            "body": None,
        }
        backend = Backend(self.service, _tokens(self.service), cursor_keys=lambda _now: [b"k" * 32])
        backend.limits.rates = backend.limits.rates.__class__(calls_per_second=1e6, burst=1e6)
        with use_backend(backend):
            answer = app(event, None)
        assert answer["statusCode"] == 200, answer["body"]
        return dict(answer)


class _NoInvoker:
    """Nothing is fired here."""

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Any:
        raise AssertionError("something was due")


class _OneToken:
    """A tokens table with one token, in memory."""

    def get(self, token_id: str) -> Token | None:
        secret = TOKEN.rpartition("_")[2]
        return Token(token_id, TENANT, ("runs:read",), hashlib.sha256(secret.encode()).hexdigest(), 0)

    def put(self, token: Token) -> None: ...

    def delete(self, token_id: str) -> None: ...

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        return []


def _tokens(service: Service) -> TokenCache:
    return TokenCache(_OneToken(), service.now_ms)

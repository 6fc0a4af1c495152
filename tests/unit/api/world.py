"""The API on the in-memory store with a stepped clock: made-up API Gateway events in, answers out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.api.backend import Backend, use_backend
from chalicelib.api.front import Api
from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired
from chalicelib.runs.limits import Limits, Rates
from chalicelib.service import Service
from chalicelib.settings import read
from chalicelib.tokens import SCOPES, Token, TokenCache, issue
from invoke_once import tracked
from invoke_once.life.head import Head
from invoke_once.store.store import Store
from invoke_once.testing import Bench
from tests.unit.api import contract
from tests.unit.api.cloudwatch import FakeLogs

ENV = {"ONCE_STACK": "t", "ONCE_RUNS_TABLE": "t-runs", "ONCE_LOCAL": "1"}


@dataclass
class Targets:
    """The Lambda that is fired: keeps what it was given."""

    fired: list[tuple[str, bytes]] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.fired.append((target, payload))
        return Fired()


class Counted:
    """An engine that counts what is asked of it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.engine, name)
        if not callable(method):
            return method

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            return method(*args, **kwargs)

        return counted


@dataclass
class MemoryTokens:
    tokens: dict[str, Token] = field(default_factory=dict)
    reads: int = 0

    def get(self, token_id: str) -> Token | None:
        self.reads += 1
        return self.tokens.get(token_id)

    def put(self, token: Token) -> None:
        self.tokens[token.id] = token

    def delete(self, token_id: str) -> None:
        self.tokens.pop(token_id, None)

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        mine = sorted((t for t in self.tokens.values() if t.tenant == tenant), key=lambda t: t.id)
        return [t for t in mine if after is None or t.id > after][:limit]


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@tracked
def echo(event: Any, _context: Any) -> Any:
    return event


@tracked
def fail(_event: Any, _context: Any) -> Any:
    raise ValueError("no")


FUNCTIONS = {
    name: Function(name, f"t-{name}", **more)
    for name, more in {
        "echo": {},
        "fail": {},
        "plain": {"mode": "destination"},
        "strict": {"input_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}},
    }.items()
}


class World:
    """One API with its tokens and clock. `now` steps while a call is held."""

    def __init__(self, api: Api, *, rates: Rates | None = None, max_in_flight: int | None = None) -> None:
        self.api = api
        self.bench = Bench(function="echo")
        self.clock = self.bench.clock
        self.engine = Counted(self.bench.table)
        self.store = Store(self.engine)  # type: ignore[arg-type]
        self.bench.store = self.store
        self.bench.payloads.store = self.store
        self.targets = Targets()
        self.service = Service(
            read(ENV), self.store, self.bench.payloads, FUNCTIONS, self.targets, self.clock, lambda: 0.0
        )
        self.tokens = MemoryTokens()
        self.logs = FakeLogs(self.clock, lambda run_id: self._claim_token(run_id))
        self.slept: list[float] = []
        self.link_keys = [b"l" * 32]
        self.meanwhile: Callable[[], None] = lambda: None
        self.backend = Backend(
            self.service,
            TokenCache(self.tokens, self.clock),
            Limits(rates or Rates()),
            cursor_keys=lambda _now: [b"k" * 32],
            link_keys=lambda _now: self.link_keys,
            webhook_secrets=lambda tenant, _now: [f"whsec_of_{tenant}", f"whsec_before_of_{tenant}"],
            logs=lambda: self.logs,
            sleep=self._sleep,
        )
        self.token = self.issue("demo")

    def _claim_token(self, run_id: str) -> str | None:
        head = self.bench.table.items.get((run_id, "head"), {})
        return head.get("claim_token")

    def attempts(self, run_id: str, number: int) -> None:
        """Pretend that the run has had so many attempts."""
        self.bench.table.items[run_id, "head"] |= {"attempt": number, "max_attempts": number}

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.step(round(seconds * 1000))
        self.meanwhile()

    def issue(self, tenant: str, *scopes: str, expires_in_s: int | None = None) -> str:
        return issue(self.tokens, tenant, scopes or SCOPES, self.clock(), expires_in_s)[1]

    def send(self, event: Mapping[str, Any]) -> Answered:
        """A raw event; the answer must be one that API Gateway takes."""
        with use_backend(self.backend):
            answer = self.api(event, None)
        assert isinstance(answer["body"], str)
        assert all(isinstance(v, str) for v in answer["headers"].values())
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        answered = Answered(answer["statusCode"], headers, answer["body"])
        contract.check(self.api, event, answered)
        return answered

    def call(
        self,
        method: str,
        route: str,
        *,
        body: bytes | None = None,
        json_body: Any = None,
        headers: Mapping[str, str | list[str]] | None = None,
        query: Mapping[str, str | list[str]] | None = None,
        token: str | None = "",
        **params: str,
    ) -> Answered:
        named: dict[str, str | list[str]] = dict(headers or {})
        if token is not None and not any(name.lower() == "authorization" for name in named):
            named["Authorization"] = f"Bearer {token or self.token}"
        if json_body is not None:
            body = json.dumps(json_body).encode()
        if body is not None and not any(name.lower() == "content-type" for name in named):
            named["Content-Type"] = "application/json"
        return self.send(event(method, route, params, query or {}, named, body))

    def post(self, document: Any = None, **more: Any) -> Answered:
        return self.call("POST", "/runs", json_body={"function": "echo"} if document is None else document, **more)

    def post_raw(self, body: bytes, **more: Any) -> Answered:
        return self.call("POST", "/runs", body=body, **more)

    def get(self, run_id: str, part: str = "", **more: Any) -> Answered:
        return self.call("GET", f"/runs/{{run_id}}{part}", run_id=run_id, **more)

    def deliver(self, run_id: str, handler: Any = echo) -> Head:
        """Let a fired run's handler run."""
        head = self.store.get(run_id, self.clock())
        assert head is not None
        self.bench.deliver(handler, head)
        done = self.store.get(run_id, self.clock())
        assert done is not None
        return done

    def head(self, run_id: str) -> Head:
        head = self.store.get(run_id, self.clock())
        assert head is not None
        return head


def event(
    method: str,
    route: str,
    params: Mapping[str, str],
    query: Mapping[str, str | list[str]],
    headers: Mapping[str, str | list[str]],
    body: bytes | None,
) -> dict[str, Any]:
    """What API Gateway sends for a REST API's proxy integration, with every body in base64."""
    many_headers = {name: value if isinstance(value, list) else [value] for name, value in headers.items()}
    many_query = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    path = route
    for name, value in params.items():
        path = path.replace(f"{{{name}}}", value)
    return {
        "resource": route,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in many_headers.items() if values} or None,
        "multiValueHeaders": many_headers or None,
        "queryStringParameters": {name: values[-1] for name, values in many_query.items()} or None,
        "multiValueQueryStringParameters": many_query or None,
        "pathParameters": dict(params) or None,
        "stageVariables": None,
        "requestContext": {"resourcePath": route, "httpMethod": method, "path": f"/api{path}", "stage": "api"},
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }

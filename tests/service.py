"""The deployed service as tests see it: HTTP with the token, and AWS clients for what lies behind.

service.req("GET", "/healthz")                         one HTTP call
service.start("echo", {"a": 1}, key="k")               POST /runs
service.wait(run_id)                                   poll until it has ended, or fail
service.aws("dynamodb")                                a boto3 client of the emulator
service.token("acme", "runs:read")                     a token of another tenant
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import httpx

from chalicelib.tokens import SCOPES
from infra.ship import bootstrap
from infra.ship.deploy import Deployed

TERMINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled", "expired"})
T = TypeVar("T")
PATIENCE = 3


def until(what: Callable[[], T], timeout: float = 30, message: str = "it did not happen in time") -> T:
    """The first true answer of `what`, asked again and again; AssertionError after three times `timeout` seconds.

    `timeout` is what a quiet machine needs at most; a deadline only costs where something is wrong anyway.
    """
    deadline = time.monotonic() + PATIENCE * timeout
    while True:
        if found := what():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{message} ({PATIENCE * timeout} s)")
        time.sleep(0.05)


class Service:
    """One deployed stack on one emulator."""

    def __init__(self, endpoint: str, stack: str, deployed: Deployed) -> None:
        self.endpoint, self.stack, self.deployed = endpoint, stack, deployed
        self.url, self.default_token = deployed.url, deployed.token
        self._http = httpx.Client(timeout=40)

    @property
    def env(self) -> dict[str, str]:
        """What .local/once.env would say; for programs that are started."""
        return {
            "ONCE_URL": self.url,
            "ONCE_TOKEN": self.default_token,
            "ONCE_WEBHOOK_SECRET": self.deployed.webhook_secret,
            "ONCE_STACK": self.stack,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def req(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """One HTTP call, with the token of the tenant `demo` unless told; token="" sends none."""
        headers = dict(more.pop("headers", None) or {})
        bearer = self.default_token if token is None else token
        if bearer:
            headers.setdefault("Authorization", f"Bearer {bearer}")
        url = path if path.startswith("http") else self.url + path
        return self._http.request(method, url, headers=headers, **more)

    def start(
        self, function: str, input: Any = None, key: str | None = None, headers: Any = None, **more: Any
    ) -> httpx.Response:
        """POST /runs; what it answered, whatever that is."""
        sent = dict(headers or {})
        if key is not None:
            sent["Idempotency-Key"] = f'"{key}"'
        body = {"function": function, **more} | ({} if input is None else {"input": input})
        return self.req("POST", "/runs", json=body, headers=sent)

    def run(self, run_id: str) -> dict[str, Any]:
        answer = self.req("GET", f"/runs/{run_id}")
        assert answer.status_code == 200, f"GET /runs/{run_id} answered {answer.status_code}: {answer.text[:200]}"
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, run_id: str, timeout: float = 60) -> dict[str, Any]:
        """The run when it has ended."""

        def ended() -> dict[str, Any] | None:
            run = self.run(run_id)
            return run if run["status"] in TERMINAL else None

        return until(ended, timeout, f"{run_id} did not end")

    def do(self, function: str, input: Any = None, timeout: float = 60, **more: Any) -> dict[str, Any]:
        """Start a run that must be accepted, and the run when it has ended."""
        answer = self.start(function, input, **more)
        assert answer.status_code in (200, 202), f"POST /runs answered {answer.status_code}: {answer.text[:300]}"
        return self.wait(answer.json()["id"], timeout)

    def aws(self, service: str, **more: Any) -> Any:
        """A boto3 client of the emulator, as its root."""
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test", **more,
        )  # fmt: skip

    def target(self, function: str) -> str:
        """The name of the Lambda behind a function."""
        return f"{self.stack}-{function}"

    def token(self, tenant: str, *scopes: str) -> str:
        """A new token, made as a deploy makes the first one."""
        return bootstrap.token(self.aws("dynamodb"), f"{self.stack}-tokens", tenant, scopes or SCOPES)

    def close(self) -> None:
        self._http.close()

"""Where is measured: an emulator of the benchmark's own, with the service and its rivals deployed on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import boto3
import httpx

from infra.local.emulator import REGION, Emulator
from infra.paths import LOCAL
from infra.ship import bootstrap
from infra.ship.deploy import Deployed, deploy_locally

HOME = LOCAL / "bench"
STACK = "invoke-once-bench"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
TERMINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled", "expired"})
LOOK_S = 0.01
T = TypeVar("T")


def until(what: Callable[[], T | None], patience_s: float, message: str) -> T:
    """The first true answer of `what`; TimeoutError after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{message} within {patience_s:g} s")
        time.sleep(LOOK_S)
    return found


def client(service: str, endpoint: str) -> Any:
    """A boto3 client that sends to `endpoint`."""
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


@dataclass
class Stand:
    """The deployed service, over HTTP and from behind."""

    endpoint: str
    deployed: Deployed
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=40))

    @property
    def runs_table(self) -> str:
        return f"{STACK}-runs"

    def aws(self, service: str) -> Any:
        return client(service, self.endpoint)

    def token(self, tenant: str) -> str:
        return bootstrap.token(self.aws("dynamodb"), f"{STACK}-tokens", tenant)

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.deployed.token}", **more.pop("headers", {})}
        return self.http.request(method, self.deployed.url + path, headers=headers, **more)

    def start(
        self, function: str, value: Any, key: str | None = None, token: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """POST /runs, which has to be accepted; the run as it was answered."""
        headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
        body = {"function": function, "input": value, **more}
        answer = self.call("POST", "/runs", token, headers=headers, json=body)
        if answer.status_code not in (200, 202):
            raise RuntimeError(f"POST /runs answered {answer.status_code}: {answer.text[:200]}")
        run: dict[str, Any] = answer.json()
        return run

    def stored(self, run_id: str) -> Mapping[str, Any]:
        """The run's head as it lies in the table."""
        key = {"run_id": {"S": run_id}, "part": {"S": "head"}}
        answer = self.aws_dynamodb.get_item(TableName=self.runs_table, Key=key, ConsistentRead=True)
        found: Mapping[str, Any] = answer.get("Item", {})
        return found

    def ended(self, run_id: str, patience_s: float = 30) -> Mapping[str, Any]:
        """The run's head when it has ended; asks the table, not the API that is measured."""

        def look() -> Mapping[str, Any] | None:
            head = self.stored(run_id)
            return head if head.get("status", {}).get("S") in TERMINAL else None

        return until(look, patience_s, f"{run_id} did not end")

    def settings_of(self, function: str) -> dict[str, str]:
        """The environment of one of the stack's Lambdas."""
        found = self.aws("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}")
        variables: dict[str, str] = found.get("Environment", {}).get("Variables", {})
        return variables

    def set_environment(self, function: str, variables: Mapping[str, str]) -> None:
        self.aws("lambda").update_function_configuration(
            FunctionName=f"{STACK}-{function}", Environment={"Variables": dict(variables)}
        )

    @cached_property
    def aws_dynamodb(self) -> Any:
        return self.aws("dynamodb")


class Benchground:
    """`with Benchground() as stand`: started and deployed anew, stopped and forgotten at the end."""

    def __init__(self) -> None:
        self._emulator = Emulator(HOME / "emulator", {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.05"})

    def __enter__(self) -> Stand:
        self._emulator.forget()
        self._emulator.start()
        env_file = HOME / "once.env"
        env_file.unlink(missing_ok=True)
        return Stand(self._emulator.url, deploy_locally(self._emulator.url, env_file, STACK))

    def __exit__(self, *_: object) -> None:
        self._emulator.forget()

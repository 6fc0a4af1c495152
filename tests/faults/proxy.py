"""A network between the service's functions and AWS that fails as told.

    with FaultProxy(emulator.url) as proxy, behind(service, proxy, "api"):
        proxy.fail("dynamodb", "PutItem", ANSWER_LOST, times=1)

A fault is met by the calls it names, `times` of them or until `heal`. What is not named passes through.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.proxy import Call, CountingProxy, _call
from tests.service import Service

Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True)
class How:
    """What comes back. `passed`: the call was made all the same. No status: the connection is cut."""

    status: int | None = None
    error: str = ""
    passed: bool = False
    after_s: float = 0


ANSWER_LOST = How(passed=True)
CUT = How()
UNAVAILABLE = How(503, "ServiceUnavailable")
THROTTLED = How(400, "ProvisionedThroughputExceededException")
TOO_MANY = How(429, "TooManyRequestsException")
GONE = How(404, "ResourceNotFoundException")
TAKEN_AND_LOST = How(202)  #: Lambda says that it has the event, and never runs it
SLOW = How(after_s=1.0, passed=True, status=200)


@dataclass
class Fault:
    service: str
    operation: str
    how: How
    left: int
    about: bytes = b""
    met: int = 0

    def meets(self, call: Call, method: str, body: bytes) -> bool:
        named = call.operation if call.service in ("dynamodb", "lambda") else method
        mine = call.service == self.service and self.operation in ("*", named)
        return self.left > 0 and mine and self.about in body


class FaultProxy(CountingProxy):
    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self._faults: list[Fault] = []
        self._choosing = threading.Lock()

    def __enter__(self) -> FaultProxy:
        return self

    def fail(self, service: str, operation: str, how: How, times: int = 1 << 30, about: str = "") -> Fault:
        """From now on. `operation` is DynamoDB's or Lambda's, else the HTTP method; "*" is any. `about`: is in it."""
        self._faults.append(Fault(service, operation, how, times, about.encode()))
        return self._faults[-1]

    def heal(self) -> None:
        self._faults.clear()

    def url(self, who: str) -> str:
        found = super().url(who)
        self._servers[who].handle_error = lambda *_: None  # type: ignore[method-assign]  # a cut is no accident
        return found

    def _pass(self, who: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        call = _call(who, path, headers, body)
        call.operation = "Invoke" if path.endswith("/invocations") else call.operation
        fault = self._fault_of(call, method, body)
        if fault is None:
            return self._send(method, path, headers, body)
        return self._go_wrong(fault.how, call, lambda: self._send(method, path, headers, body))

    def _fault_of(self, call: Call, method: str, body: bytes) -> Fault | None:
        with self._choosing:
            for fault in self._faults:
                if fault.meets(call, method, body):
                    fault.left -= 1
                    fault.met += 1
                    return fault
        return None

    def _go_wrong(self, how: How, call: Call, send: Callable[[], Answer]) -> Answer:
        time.sleep(how.after_s)
        answer = send() if how.passed else None
        if how.status is None:
            raise ConnectionAbortedError("cut on purpose")
        if answer is not None:
            return answer
        return _error(how, call)


def _error(how: How, call: Call) -> Answer:
    """As the service would say it."""
    if call.service == "s3":
        text = f"<Error><Code>{how.error}</Code><Message>on purpose</Message></Error>"
        return how.status or 503, [("Content-Type", "application/xml")], text.encode()
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-errortype", how.error)]
    body = json.dumps({"__type": how.error, "message": "on purpose"}) if how.error else ""
    return how.status or 503, headers, body.encode()


@contextmanager
def behind(service: Service, proxy: FaultProxy, *names: str) -> Iterator[None]:
    """Inside, these functions reach AWS through the proxy alone."""
    client = service.aws("lambda")
    before = {name: _environment(client, service, name) for name in names}
    try:
        for name, variables in before.items():
            _set(client, service, name, variables | {"AWS_ENDPOINT_URL": proxy.url(name)})
        yield
    finally:
        for name, variables in before.items():
            _set(client, service, name, variables)


def _environment(client: Any, service: Service, name: str) -> dict[str, str]:
    found = client.get_function_configuration(FunctionName=service.target(name))
    return dict(found.get("Environment", {}).get("Variables", {}))


def _set(client: Any, service: Service, name: str, variables: Mapping[str, str]) -> None:
    client.update_function_configuration(FunctionName=service.target(name), Environment={"Variables": dict(variables)})

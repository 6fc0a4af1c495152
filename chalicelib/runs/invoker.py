"""Firing a Lambda with `InvocationType=Event`, and what AWS's answer means for the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from invoke_once import log
from invoke_once.store.aws import client

#: Runs that one invocation of `attend` looks at, each in a thread of its own: botocore keeps ten connections.
TOGETHER = 10
#: Answers that no repetition will change (Lambda API reference, Invoke, "Errors").
FINAL = {
    "ResourceNotFoundException": "TargetNotFound",
    "AccessDeniedException": "TargetDenied",
    "RequestTooLargeException": "TargetPayloadTooLarge",
    "InvalidRequestContentException": "TargetRefused",
    "InvalidParameterValueException": "TargetRefused",
    "UnsupportedMediaTypeException": "TargetRefused",
    "ValidationException": "TargetRefused",
}


class Fired(Struct, frozen=True):
    """AWS has the event, which means: queued, maybe twice, maybe never."""


class Rejected(Struct, frozen=True):
    """AWS refuses for good."""

    type: str
    message: str


class Unavailable(Struct, frozen=True):
    """Not now. `known`: AWS said so, the event is not queued; else the answer was lost and it may be."""

    reason: str
    known: bool


Answer = Fired | Rejected | Unavailable


class Invoker(Protocol):
    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer: ...


class LambdaInvoker:
    """One client, kept alive. botocore's own repeats are off: `tries` says how often firing is harmless."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        once = {"total_max_attempts": 1, "mode": "standard"}
        return client("lambda", endpoint_url=self._endpoint_url, connect_timeout=2, read_timeout=5, retries=once)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        answer: Answer = Unavailable("not tried", known=True)
        for _ in range(tries):
            answer = self._fire_once(target, payload, qualifier)
            if not isinstance(answer, Unavailable) or answer.known:
                break
        return answer

    def _fire_once(self, target: str, payload: bytes, qualifier: str) -> Answer:
        request = {"FunctionName": target, "InvocationType": "Event", "Payload": payload}
        try:
            self._client.invoke(**request, **({"Qualifier": qualifier} if qualifier else {}))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code in FINAL:
                return Rejected(FINAL[code], f"Lambda refused to start it: {code}")
            return Unavailable(code, known=True)
        except BotoCoreError as error:
            return Unavailable(type(error).__name__, known=False)
        return Fired()


def fire_attend(invoker: Invoker, function: str, run_ids: Iterable[str]) -> None:
    """Have `attend` look at runs, `TOGETHER` to an invocation. Losing it is harmless: the sweep comes by."""
    waiting = list(dict.fromkeys(run_ids))
    for start in range(0, len(waiting), TOGETHER):
        some = waiting[start : start + TOGETHER]
        answer = invoker.fire(function, json.dumps({"run_ids": some}).encode(), tries=2)
        if not isinstance(answer, Fired):
            log.event("attend_not_fired", run_ids=some, reason=str(answer))

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
    "SerializedRequestEntityTooLargeException": "TargetPayloadTooLarge",
    "NoPublishedVersionException": "TargetNotFound",
    "ModeNotSupportedException": "TargetRefused",
}
#: Of these, what AWS may also say for some seconds after a deploy, until its own parts agree: final only after
#: `SETTLED_DISPATCHES` (IAM User Guide, "Changes that I make are not always immediately visible").
MAY_SETTLE = frozenset({"TargetNotFound", "TargetDenied"})
SETTLED_DISPATCHES = 3
OTHER_REGION = "not reachable in this region"  #: a ResourceNotFoundException that no time will change


class Fired(Struct, frozen=True):
    """AWS has the event, which means: queued, maybe twice, maybe never."""


class Rejected(Struct, frozen=True):
    """AWS refuses for good; `may_settle`: or for the first seconds after a deploy."""

    type: str
    message: str
    may_settle: bool = False


class Unavailable(Struct, frozen=True):
    """Not now. `known`: AWS said so, the event is not queued; else the answer was lost and it may be."""

    reason: str
    known: bool
    type: str = "TargetUnavailable"

    @property
    def told(self) -> tuple[str, str]:
        """(type, message) of the error that says why a run waits."""
        return self.type, f"Lambda could not start it yet: {self.reason}"


Answer = Fired | Rejected | Unavailable


class Invoker(Protocol):
    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        """`tenant`: of a function with tenant isolation (Lambda API reference, Invoke, X-Amz-Tenant-Id)."""
        ...


class LambdaInvoker:
    """One client, kept alive. botocore's own repeats are off: `tries` says how often firing is harmless."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        once = {"total_max_attempts": 1, "mode": "standard"}
        return client("lambda", endpoint_url=self._endpoint_url, connect_timeout=2, read_timeout=5, retries=once)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1, tenant: str = "") -> Answer:
        request = {"FunctionName": target, "InvocationType": "Event", "Payload": payload}
        request |= {name: text for name, text in (("Qualifier", qualifier), ("TenantId", tenant)) if text}
        answer = self._fire_once(request)
        while tries > 1 and isinstance(answer, Unavailable) and not answer.known:
            answer, tries = self._fire_once(request), tries - 1
        return answer

    def _fire_once(self, request: dict[str, Any]) -> Answer:
        try:
            self._client.invoke(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code in FINAL:
                message = str(error.response["Error"].get("Message", ""))
                settles = FINAL[code] in MAY_SETTLE and OTHER_REGION not in message
                return Rejected(FINAL[code], f"Lambda refused to start it: {code}", settles)
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

"""What Lambda says about an asynchronous invocation when it is over: the invocation record, read defensively.

    {"version", "timestamp", "requestContext": {"requestId", "functionArn", "condition", "approximateInvokeCount"},
     "requestPayload", "responseContext": {"statusCode", "executedVersion", "functionError"}, "responsePayload"}

(Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".) An event that never reached the
function has no response at all; emulators leave more out. Whether it was started is told by the count and the
response context, not by the condition: EventAgeExceeded comes after a start that failed, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

SUCCESS = "Success"
UNTOLD = {
    "EventAgeExceeded": "Lambda could not start it before the event became too old",
    "ZeroReservedConcurrency": "the function's reserved concurrency is 0: Lambda starts none of it",
}
REASON_CHARS = 500
MOST_CAUSES = 8


class Report(Struct, frozen=True):
    condition: str
    function_arn: str
    request_id: str
    payload: Any  #: what the function was invoked with
    response: Any  #: what it returned; of a failure `{"errorType", "errorMessage", "stackTrace"}`
    count: int | None  #: starts, as Lambda counts them; None: not told
    answered: bool  #: there is a response context

    @property
    def succeeded(self) -> bool:
        return self.condition == SUCCESS

    @property
    def invoked(self) -> bool:
        """Whether the function was started at all."""
        if self.answered or self.count is None:
            return self.answered or self.condition not in UNTOLD
        return self.count > 0

    @property
    def error_type(self) -> str:
        return str(self._told.get("errorType") or self._told.get("name") or ("" if self.invoked else self.condition))

    @property
    def message(self) -> str:
        return str(self._told.get("errorMessage") or UNTOLD.get(self.condition) or "the function failed")

    @property
    def trace(self) -> str | None:
        """The stack, innermost call as the runtime has it, then those of its causes; None: there is none."""
        told, parts = self._told, []
        for _ in range(MOST_CAUSES):
            parts += _frames(told.get("stackTrace") or told.get("trace"))
            cause = told.get("cause")
            if not isinstance(cause, Mapping):
                break
            told = cause
            parts.append(f"Caused by {told.get('errorType')}: {told.get('errorMessage')}")
        return "\n".join(parts) or None

    @property
    def timed_out(self) -> bool:
        """Lambda itself killed it: a function's own words about some timeout carry its own error type."""
        by_lambda = self.error_type in ("", "Sandbox.Timedout")
        return by_lambda and "Task timed out after" in self.message

    @property
    def _told(self) -> Mapping[str, Any]:
        return self.response if isinstance(self.response, dict) and not self.succeeded else {}


def read(record: Mapping[str, Any]) -> Report:
    """A report of whatever was sent."""
    context = record.get("requestContext")
    context = context if isinstance(context, dict) else {}
    return Report(
        condition=str(context.get("condition") or ""),
        function_arn=str(context.get("functionArn") or ""),
        request_id=str(context.get("requestId") or ""),
        payload=record.get("requestPayload"),
        response=record.get("responsePayload"),
        count=_count(context.get("approximateInvokeCount")),
        answered=bool(record.get("responseContext")),
    )


def _count(told: Any) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def _frames(told: Any) -> list[str]:
    """Lines of a stack: texts (Python, Node.js, Java, .NET, Ruby), or Go's `{"path", "line", "label"}`."""
    if isinstance(told, str):
        return [told]
    if not isinstance(told, list):
        return []
    return [_frame(frame) for frame in told]


def _frame(told: Any) -> str:
    if not isinstance(told, Mapping):
        return str(told).rstrip("\n")
    place = ":".join(str(told[name]) for name in ("path", "line") if told.get(name) is not None)
    return f"  {place} {told.get('label') or ''}".rstrip()

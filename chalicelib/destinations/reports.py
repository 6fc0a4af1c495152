"""What Lambda says about an asynchronous invocation when it is over: the invocation record, read defensively.

    {"version", "timestamp", "requestContext": {"requestId", "functionArn", "condition", "approximateInvokeCount"},
     "requestPayload", "responseContext": {"statusCode", "executedVersion", "functionError"}, "responsePayload"}

(Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations".) An event that never reached the
function has no response at all; emulators leave more out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

SUCCESS = "Success"
TRIED = "RetriesExhausted"  #: it was invoked; EventAgeExceeded and ZeroReservedConcurrency say that it never was
UNTOLD = {
    "EventAgeExceeded": "Lambda could not start it before the event became too old",
    "ZeroReservedConcurrency": "the function's reserved concurrency is 0: Lambda starts none of it",
}
REASON_CHARS = 500


class Report(Struct, frozen=True):
    condition: str
    function_arn: str
    request_id: str
    payload: Any  #: what the function was invoked with
    response: Any  #: what it returned; of a failure `{"errorType", "errorMessage", "stackTrace"}`

    @property
    def succeeded(self) -> bool:
        return self.condition == SUCCESS

    @property
    def invoked(self) -> bool:
        """Whether the function was started at all."""
        return self.condition not in UNTOLD

    @property
    def error_type(self) -> str:
        return str(self._told.get("errorType") or self._told.get("name") or ("" if self.invoked else self.condition))

    @property
    def message(self) -> str:
        return str(self._told.get("errorMessage") or UNTOLD.get(self.condition) or "the function failed")

    @property
    def trace(self) -> str | None:
        lines = self._told.get("stackTrace") or self._told.get("trace")
        return "\n".join(map(str, lines)) if isinstance(lines, list) else None

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
    )

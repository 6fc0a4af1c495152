"""How an attempt ended, as it will be recorded: an output, or an error with what is kept of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from invoke_once.errors import ContinueLater, NotSerializable, RunCancelled
from invoke_once.life.status import Status
from invoke_once.store import marshal, texts
from invoke_once.store.payloads import error_fields


class Outcome(NamedTuple):
    """The output's JSON text, or an error. `retriable`: running it again may help."""

    status: Status
    output: bytes | None = None
    error: bytes | None = None
    error_type: str | None = None
    retriable: bool = False
    after_ms: int = 0  #: of a leg that is to go on (`QUEUED`): not before this much later
    asked: bool = False  #: the handler itself asked for another leg


def returned(value: Any) -> Outcome:
    """The handler returned. What is no JSON, or too large, ends the run failed: running it again would not help."""
    try:
        return Outcome(Status.SUCCEEDED, output=marshal.dumps(value))
    except NotSerializable as error:
        return failed("OutputNotSerializable", str(error))


def raised(error: BaseException) -> Outcome:
    """The handler raised. Whatever `error` is, something is kept of it."""
    if isinstance(error, RunCancelled):
        return Outcome(Status.CANCELLED)
    if isinstance(error, ContinueLater):
        return Outcome(Status.QUEUED, after_ms=int(error.after_s * 1000), asked=error.asked)
    return failed(texts.name_of(error), texts.text_of(error), texts.trace_of(error), retriable=True)


def failed(type_name: str, message: str, trace: str | None = None, *, retriable: bool = False) -> Outcome:
    fields = error_fields(type_name, message, trace)
    return Outcome(Status.FAILED, error=fields, error_type=type_name, retriable=retriable)


def out_of_time(seconds: float) -> Outcome:
    message = f"the attempt was about to pass its function's timeout after {seconds:.1f} s"
    return Outcome(Status.TIMED_OUT, error=error_fields("TimedOut", message), error_type="TimedOut", retriable=True)


def legs_exhausted(most: int) -> Outcome:
    return failed("LegsExhausted", f"the run was not done after {most} legs, which is its function's max_legs")

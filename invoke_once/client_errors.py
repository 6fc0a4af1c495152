"""What `Once` and `AsyncOnce` raise, below `InvokeOnceError`.

    ConfigurationError (errors.py)   no URL or no token, or a profile that cannot be read
    ServiceUnreachable               no answer, or only 429/502/503/504 ones, for as long as we try
    UnexpectedReply                  an answer that is not the service's: a wrong URL, or something between
    UnexpectedOutput                 the output is not what `returns=` says
    RequestRefused                   the service said no: .status .type .detail .errors
    ├── BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · Conflict 409
    └── TooLarge 413 · Invalid 422
    WaitTimeout                      gave up waiting; the run goes on: .run
    RunNotSucceeded                  the run ended otherwise: .run
    └── RunFailed · RunTimedOut · RunCancelled · RunExpired

`RunCancelled` here says that the run you waited for was cancelled. It is not `invoke_once.RunCancelled`,
which a handler raises about its own run: a handler that waits for another run must not look cancelled itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from invoke_once.errors import ConfigurationError, InvokeOnceError

if TYPE_CHECKING:
    from invoke_once.client.core.document import RunInfo

__all__ = [
    "BadRequest",
    "ConfigurationError",
    "Conflict",
    "Forbidden",
    "Invalid",
    "InvokeOnceError",
    "NotFound",
    "RequestRefused",
    "RunCancelled",
    "RunExpired",
    "RunFailed",
    "RunNotSucceeded",
    "RunTimedOut",
    "ServiceUnreachable",
    "TooLarge",
    "Unauthorized",
    "UnexpectedOutput",
    "UnexpectedReply",
    "WaitTimeout",
]


class ServiceUnreachable(InvokeOnceError):
    """The service did not answer; the call may or may not have been carried out, and repeating it is safe.

    `idempotency_key`: after a `start`, the key it was sent with; start with it again and get the same run.
    """

    idempotency_key: str | None = None


class UnexpectedReply(InvokeOnceError):
    """The answer is not one that the service gives. `status` is its HTTP status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class UnexpectedOutput(InvokeOnceError):
    """The run succeeded, and its output is not of the type that `returns=` names."""


class RequestRefused(InvokeOnceError):
    """The service refused the request.

    `type`: the problem's name without `urn:invoke-once:`; `errors`: its fields, `{"pointer", "detail"}`.
    `uncertain`: an earlier try of the same call got no answer, and may have been carried out.
    """

    status = 0
    uncertain = False

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        self.status = status
        self.type = str(problem.get("type") or "").removeprefix("urn:invoke-once:")
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or "")
        self.errors = _field_errors(problem.get("errors"))
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        fields = "; ".join(f"{e.get('pointer') or '/'}: {e.get('detail', '')}" for e in self.errors)
        parts = [self.detail or self.title, f"({fields})" if fields and fields not in self.detail else ""]
        return " ".join(part for part in parts if part)


class BadRequest(RequestRefused):
    """The request is malformed."""


class Unauthorized(RequestRefused):
    """The token is missing, wrong, expired or revoked."""


class Forbidden(RequestRefused):
    """The token lacks the scope that this call needs."""


class NotFound(RequestRefused):
    """There is no such run or function for this token."""


class Conflict(RequestRefused):
    """The run's state does not allow it."""


class TooLarge(RequestRefused):
    """The request is over the service's limit."""


class Invalid(RequestRefused):
    """A field is invalid, or the key was used before with another request."""


class WaitTimeout(InvokeOnceError, TimeoutError):
    """Gave up waiting; the run goes on. `run` is what was last seen of it, None if it was never seen."""

    def __init__(self, run_id: str, run: RunInfo | None, timeout_s: float) -> None:
        state = f"is {run.status}" if run else "could not be read"
        super().__init__(f"{run_id} {state} after {timeout_s:g} s of waiting; it goes on by itself")
        self.run_id = run_id
        self.run = run


class RunNotSucceeded(InvokeOnceError):
    """The run ended without an output. `run` is its document."""

    def __init__(self, run: RunInfo) -> None:
        why = f": {run.error.type}: {run.error.message}" if run.error else ""
        super().__init__(f"{run.id} {run.status}{why}")
        self.run = run


class RunFailed(RunNotSucceeded):
    """The run failed."""


class RunTimedOut(RunNotSucceeded):
    """The run ran out of time."""


class RunCancelled(RunNotSucceeded):
    """The run was cancelled."""


class RunExpired(RunNotSucceeded):
    """The run waited too long in the queue and was never started."""


def _field_errors(errors: object) -> Sequence[Mapping[str, Any]]:
    return [e for e in errors if isinstance(e, Mapping)] if isinstance(errors, list) else []

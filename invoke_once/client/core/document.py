"""One run as the service described it at one moment: the JSON document, read by attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from invoke_once.life.status import TERMINAL

_ENDS = TERMINAL | {"done", "stopped"}  #: of a run or a batch, and of a bulk job


class Progress(NamedTuple):
    """What the handler last reported. `fraction` is 0 to 1, or None where it gave none."""

    fraction: float | None
    message: str | None


class RunError(NamedTuple):
    """Why a run did not succeed; `trace` is the handler's, where there is one."""

    type: str
    message: str
    trace: str | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run's document. `data` is the whole of it, as sent; `etag` identifies this state of it.

    `replayed`: the answer to a `start` whose key had a run already. `poll_after_s`: when to look again, as the service
    asks (`Retry-After`); None where it asks for nothing.
    """

    data: Mapping[str, Any]
    etag: str | None = field(default=None, compare=False)
    replayed: bool = field(default=False, compare=False)
    poll_after_s: float | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        return str(self.data["id"])

    @property
    def status(self) -> str:
        return str(self.data["status"])

    @property
    def finished(self) -> bool:
        """True in a state that nothing leaves by itself."""
        return self.status in _ENDS

    @property
    def function(self) -> str:
        return str(self.data.get("function") or "")

    @property
    def attempt(self) -> int:
        return int(self.data.get("attempt") or 0)

    @property
    def idempotency_key(self) -> str | None:
        return _text(self.data.get("idempotency_key"))

    @property
    def progress(self) -> Progress | None:
        progress = self.data.get("progress")
        if not isinstance(progress, Mapping):
            return None
        fraction = progress.get("fraction")
        return Progress(None if fraction is None else float(fraction), _text(progress.get("message")))

    @property
    def has_output(self) -> bool:
        """True when the output is in the document; a large one is not, and has to be fetched."""
        return self.status == "succeeded" and self.data.get("output") is not None

    @property
    def output(self) -> Any:
        """The output while it is in the document, else None."""
        return self.data.get("output")

    @property
    def error(self) -> RunError | None:
        error = self.data.get("error")
        if not isinstance(error, Mapping):
            return None
        return RunError(str(error.get("type") or "Error"), str(error.get("message") or ""), _text(error.get("trace")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)

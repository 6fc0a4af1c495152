"""The words between deciding (generators) and doing (a driver): Call and Pause out, Reply and Lost in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to send. Headers stay out of the repr: they hold the token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    read_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response, read to its end. Header names are in lower case; `url` is the one that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Lost:
    """No response. `sent` is False if the request surely never left; `final` if another try cannot help."""

    reason: str
    sent: bool = True
    final: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Time to let pass, in seconds."""

    seconds: float


Answer: TypeAlias = Reply | Lost
Effect: TypeAlias = Call | Pause
Flow: TypeAlias = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Seams:
    """What a flow reads from outside: a monotonic clock in seconds, and chance in [0, 1)."""

    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


def send(call: Call) -> Flow[Answer]:
    """Ask the driver to send one call, once."""
    answer = yield call
    if not isinstance(answer, Reply | Lost):
        raise TypeError(f"the driver answered a call with {answer!r}")
    return answer


def pause(seconds: float) -> Flow[None]:
    """Ask the driver to let time pass."""
    yield Pause(max(0.0, seconds))

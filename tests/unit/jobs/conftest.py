"""What the tests of the sample functions share: a run that records, and the profile of a text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.jobs.csv_profile import Source, profile
from invoke_once import RunCancelled


class RecordingRun:
    """A run that remembers what it was told, and that somebody cancels after so many checks."""

    id, function, tenant = "run_test", "test", "demo"

    def __init__(self, attempt: int = 1, cancelled_after_checks: int | None = None) -> None:
        self.attempt, self._checks_left = attempt, cancelled_after_checks
        self.told: list[tuple[float | None, str | None]] = []

    @property
    def cancel_requested(self) -> bool:
        return self._checks_left is not None and self._checks_left <= 0

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        self.told.append((fraction, message))

    def check(self) -> None:
        if self.cancel_requested:
            raise RunCancelled
        if self._checks_left is not None:
            self._checks_left -= 1


@pytest.fixture
def make_run() -> type[RecordingRun]:
    return RecordingRun


@pytest.fixture
def run() -> RecordingRun:
    return RecordingRun()


@pytest.fixture
def profile_of() -> Callable[..., dict[str, Any]]:
    """The profile of a text or of bytes, which arrive in chunks of at most `chunk` bytes."""

    def profile_of(given: str | bytes, chunk: int = 1 << 20, **options: Any) -> dict[str, Any]:
        body = given.encode() if isinstance(given, str) else given
        stream = io.BytesIO(body)
        return profile(Source(lambda size: stream.read(min(size, chunk)), len(body)), **options)

    return profile_of

"""What a sample asks of the attempt it runs in: the part of `invoke_once.Run` that its body uses.

Bodies take it as an argument, so that a test can hand them one of its own and read what they told it.
"""

from __future__ import annotations

from typing import Protocol


class Attempt(Protocol):
    @property
    def attempt(self) -> int:
        """1 for the first attempt of a run, 2 for its first retry."""

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        """Tell how far the run is: 0.0 to 1.0, or None if that is not known. Cheap: writes are coalesced."""

    def check(self) -> None:
        """Raise RunCancelled if somebody cancelled the run."""

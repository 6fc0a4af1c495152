"""A sum without rounding: the mean of 0.1 a million times is 0.1, and of 1e16, 1 and -1e16 it is a third."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


class ExactSum:
    """Integers in one integer, floats in a few floats that have exactly their sum (Shewchuk's expansion)."""

    def __init__(self) -> None:
        self.count = 0
        self._whole = 0
        self._parts: list[float] = []
        self._huge = Fraction()

    def add_integers(self, values: Sequence[int]) -> None:
        self.count += len(values)
        self._whole += sum(values)

    def add_floats(self, values: Sequence[float]) -> None:
        """Add finite floats."""
        self.count += len(values)
        try:
            self._parts = expansion([*self._parts, *values])
        except OverflowError:  # near 1e308 a sum leaves the range of floats although the mean does not
            self._huge += sum(map(Fraction, values))

    def mean(self) -> float | None:
        """The mean, rounded once, at the end; None of nothing."""
        if not self.count:
            return None
        return float((self._whole + self._huge + sum(map(Fraction, self._parts))) / self.count)


def expansion(values: list[float]) -> list[float]:
    """A few floats with exactly the sum of `values`: the rounded sum, the rounded rest, and so on to 0."""
    parts: list[float] = []
    while rest := math.fsum(values):
        parts.append(rest)
        values.append(-rest)
    return parts

"""Samples of one quantity, and the ratio of two: medians, with an interval that says how far to trust them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

RESAMPLES = 400

Progress = Callable[[str], None]


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of the values do not exceed; nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


@dataclass(frozen=True)
class Ratio:
    """How one quantity compares with another: ratio of medians, and where it lies in 95 of 100 resamples."""

    value: float
    low: float
    high: float


def ratio(ours: Sequence[float], base: Sequence[float], seed: int = 1) -> Ratio:
    """`ours` against `base`. The interval is a bootstrap's: both resampled with replacement."""
    chance = random.Random(seed)
    drawn = sorted(
        median(chance.choices(ours, k=len(ours))) / median(chance.choices(base, k=len(base))) for _ in range(RESAMPLES)
    )
    return Ratio(median(ours) / median(base), quantile(drawn, 0.025), quantile(drawn, 0.975))


def interleaved(
    cases: Mapping[str, Callable[[], float]], rounds: int, warm_up: int, tell: Progress
) -> dict[str, list[float]]:
    """Each case once a round, in an order that turns by one: what disturbs the machine disturbs all alike."""
    names, taken = list(cases), {name: list[float]() for name in cases}
    for n in range(warm_up + rounds):
        turned = names[n % len(names) :] + names[: n % len(names)]
        for name in turned:
            value = cases[name]()
            if n >= warm_up:
                taken[name].append(value)
        tell(f"round {n + 1} of {warm_up + rounds}")
    return taken


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])

"""POST /runs against the hand-written glue: the same client, gateway, emulator and work behind it, in turns.

Each sample is the time to the answer. The next one starts when the run has ended, so that neither pays for the
other's work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count

from bench import samples
from bench.rival import Rival
from bench.samples import Progress
from bench.stand import Stand

ROUNDS, WARM_UP = 150, 12


def measure(stand: Stand, rival: Rival, tell: Progress, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """{"ours": [ms], "glue": [ms]}"""
    numbers = count()
    cases = {
        "ours": lambda: _ours(stand, numbers),
        "glue": lambda: _glue(rival, numbers),
    }
    return samples.interleaved(cases, rounds, min(WARM_UP, rounds), tell)


def _ours(stand: Stand, numbers: Iterator[int]) -> float:
    n = next(numbers)
    began = time.perf_counter()
    run = stand.start("echo", {"order": n}, key=f"post-{n}")
    took = time.perf_counter() - began
    stand.ended(run["id"])
    return took * 1000


def _glue(rival: Rival, numbers: Iterator[int]) -> float:
    value = {"order": next(numbers)}
    began = time.perf_counter()
    job = rival.start(value)
    took = time.perf_counter() - began
    rival.ended(job)
    return took * 1000

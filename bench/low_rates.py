"""The deployed service at low rates, for the model to be held against: units and latency.

Starts come at random times (a Poisson process). The time of a POST is measured first, one run at a time, and is what
the model is given.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from bench import cost
from bench.samples import Progress
from bench.stand import Stand

RATES = (1, 3)
SECONDS = 12.0
WARM_UP, SINGLE, BETWEEN_S = 5, 20, 0.3


def measure(stand: Stand, tell: Progress, seconds: float = SECONDS) -> dict[str, Any]:
    """{"post_s", "rates": [{"rate", "units_per_run", "post_p50_ms"}]}"""
    with cost.on_the_wire(stand, images=False) as proxy:
        single = []
        for n in range(WARM_UP + SINGLE):
            single.append(_start(stand, f"single-{n}"))
            stand.ended(single[-1][0])
            time.sleep(BETWEEN_S)  # the stream's own work is over by then
        proxy.take()
        rates = []
        for rate in RATES:
            tell(f"{rate} runs a second for {seconds:g} s")
            with ThreadPoolExecutor(16) as pool:
                sent = [pool.submit(_start, stand, f"{rate}-{n}") for n in _poisson(rate, seconds)]
            answers = [one.result() for one in sent]
            for run_id, _ in answers:
                stand.ended(run_id)
            units = sum(call.units for call in proxy.take() if call.writes)
            p50_ms = median(took for _, took in answers)
            rates.append({"rate": rate, "units_per_run": units / len(answers), "post_p50_ms": p50_ms})
    post_s = median(took for _, took in single[WARM_UP:]) / 1000
    return {"post_s": post_s, "rates": rates}


def _start(stand: Stand, key: str) -> tuple[str, float]:
    began = time.perf_counter()
    run = stand.start("echo", {"low": key}, key=f"low-{key}-{time.time_ns()}")
    return run["id"], (time.perf_counter() - began) * 1000


def _poisson(rate: float, seconds: float) -> Iterator[int]:
    """Numbers, each when its start is due."""
    chance, until, n = random.Random(1), time.monotonic() + seconds, 0
    while (pause := chance.expovariate(rate)) and time.monotonic() + pause < until:
        time.sleep(pause)
        yield (n := n + 1)

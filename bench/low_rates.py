"""The deployed service at low rates, for the simulation to be held against: units, latency, refusals.

Starts come at random times, as the model has them (a Poisson process). Service times are measured first, one run at
a time, and are what the model is given.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from bench import cost
from bench.samples import Progress
from bench.stand import Stand

RATES = (1, 3)
SECONDS = 12.0
WARM_UP, SINGLE = 5, 20
RUN_S = 0.02  #: of echo, whose body does nothing


def measure(stand: Stand, tell: Progress, seconds: float = SECONDS) -> dict[str, Any]:
    """{"post_s", "write_s", "run_s", "rates": [{"rate", "seconds", "units_per_run", "post_p50_ms", "refused"}]}"""
    with cost.on_the_wire(stand, images=False) as proxy:
        single = []
        for n in range(WARM_UP + SINGLE):
            single.append(_start(stand, f"single-{n}"))
            stand.ended(single[-1][0])
        proxy.take()
        rates = []
        for rate in RATES:
            tell(f"{rate} runs a second for {seconds:g} s")
            answers, refused = _poisson(stand, rate, seconds)
            for run_id, _ in answers:
                stand.ended(run_id)
            units = sum(call.units for call in proxy.take() if call.writes)
            rates.append({
                "rate": rate, "seconds": seconds, "units_per_run": units / max(len(answers), 1),
                "post_p50_ms": median(took for _, took in answers), "refused": refused,
            })  # fmt: skip
    post_ms = median(took for _, took in single[WARM_UP:])
    write_s = 0.002  # of one write on the emulator, within the POST's time
    return {"post_s": post_ms / 1000 - write_s, "write_s": write_s, "run_s": RUN_S, "rates": rates}


def _start(stand: Stand, key: str) -> tuple[str, float]:
    began = time.perf_counter()
    run = stand.start("echo", {"low": key}, key=f"low-{key}-{time.time_ns()}")
    return run["id"], (time.perf_counter() - began) * 1000


def _poisson(stand: Stand, rate: float, seconds: float) -> tuple[list[tuple[str, float]], int]:
    chance, refused, lock = random.Random(1), 0, threading.Lock()
    answers: list[tuple[str, float]] = []

    def one(n: int) -> None:
        nonlocal refused
        try:
            answer = _start(stand, f"{rate}-{n}")
        except RuntimeError:
            with lock:
                refused += 1
            return
        with lock:
            answers.append(answer)

    with ThreadPoolExecutor(16) as pool:
        until, n = time.monotonic() + seconds, 0
        while (pause := chance.expovariate(rate)) and time.monotonic() + pause < until:
            time.sleep(pause)
            pool.submit(one, n)
            n += 1
    return answers, refused

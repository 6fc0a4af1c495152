"""Wait as a good job works: in small steps, telling how far it is, ready to be cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable

from invoke_once import Run

STEP_SECONDS = 0.5


def pause(
    seconds: float,
    run: Run,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return after `seconds`; raise RunCancelled within a step of a cancel."""
    start = clock()
    while (elapsed := clock() - start) < seconds:
        run.check()
        run.progress(elapsed / seconds, f"{int(elapsed)} of {seconds:g} s")
        sleep(min(STEP_SECONDS, seconds - elapsed))
    run.check()
    run.progress(1.0, f"{seconds:g} of {seconds:g} s")

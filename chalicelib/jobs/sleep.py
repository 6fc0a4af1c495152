"""The sample `sleep`: `{"seconds": 3}` -> `{"slept_seconds": 3.0}`, with progress; a cancel ends it early."""

from __future__ import annotations

from chalicelib.jobs import inputs
from chalicelib.jobs.pausing import pause
from invoke_once import Run, current_run, tracked


@tracked
def handler(event: object, _context: object) -> dict[str, float]:
    return sleep(event, current_run())


def sleep(event: object, run: Run) -> dict[str, float]:
    seconds = inputs.seconds(inputs.members(event, "`seconds`"))
    pause(seconds, run)
    return {"slept_seconds": seconds}

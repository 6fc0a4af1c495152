"""The sample `fail`: `{"message": "no", "times": 2}` raises on two attempts and succeeds on the third.

`times` is 1 unless given. It counts attempts of the run, so it shows retries without keeping anything itself.
"""

from __future__ import annotations

from chalicelib.jobs import inputs
from invoke_once import Run, current_run, tracked

MOST_TIMES = 1_000_000


class AskedToFail(RuntimeError):
    """This attempt was asked to fail."""


@tracked
def handler(event: object, _context: object) -> dict[str, int]:
    return fail(event, current_run())


def fail(event: object, run: Run) -> dict[str, int]:
    given = inputs.members(event, "`message` and `times`")
    message = inputs.text(given, "message", default="asked to fail")
    times = inputs.count(given, "times", most=MOST_TIMES, default=1)
    if run.attempt <= times:
        raise AskedToFail(message)
    return {"succeeded_on_attempt": run.attempt}

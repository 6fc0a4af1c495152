"""The sample `pages`: `{"pages": 40, "seconds_per_page": 0.5}` -> `{"pages", "legs", "visited"}`, by a function of 6 s.

After each page it keeps how often each was visited. When the time left would not do for another page, the checkpoint
ends the leg, and the next one goes on. With `sleep_after` it sleeps once, half way: nothing runs meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chalicelib.jobs import inputs
from invoke_once import Run, current_run, tracked


@tracked
def handler(event: object, _context: object) -> dict[str, Any]:
    return work(event, current_run())


def work(event: object, run: Run, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    given = inputs.members({} if event is None else event, "`pages`")
    pages = inputs.count(given, "pages", 10_000, 40)
    seconds = inputs.number(given, "seconds_per_page", 0.5)
    sleep_after = None if given.get("sleep_after") is None else inputs.number(given, "sleep_after")
    state = run.state or {"page": 0, "visited": [0] * pages, "slept": False}
    while state["page"] < pages:
        run.check()
        if sleep_after is not None and not state["slept"] and state["page"] * 2 >= pages:
            state["slept"] = True
            run.checkpoint(state, now=True)
            run.continue_later(after=sleep_after)
        sleep(seconds)
        state["visited"][state["page"]] += 1
        state["page"] += 1
        run.checkpoint(state, state["page"] / pages, f"page {state['page']} of {pages}")
    return {"pages": pages, "legs": run.leg, "visited": state["visited"]}

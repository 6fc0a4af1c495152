"""The sample `crash`: dies before it can tell, in the three ways a Lambda dies.

`{"how": "exit"}` ends the process at once, `{"how": "timeout"}` is still asleep when its time is over, and
`{"how": "memory"}` takes memory until it is killed for it. Nothing here returns.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from chalicelib.jobs import inputs
from invoke_once import tracked

WAYS = ("exit", "timeout", "memory")
LONGEST_LAMBDA_SECONDS = 900
BLOCK_MB = 16


@tracked
def handler(event: object, context: object) -> NoReturn:
    how = way(event)
    print(f"crash: {how}", flush=True)
    if how == "exit":
        os._exit(1)
    if how == "timeout":
        outlast()
    exhaust(getattr(context, "memory_limit_in_mb", 128))


def way(event: object) -> str:
    """The way to die that the input asks for; ValueError for one that is not known."""
    how = inputs.text(inputs.members(event, "`how`"), "how")
    if how not in WAYS:
        raise ValueError(f"`how` must be one of {', '.join(WAYS)}, not {how!r}")
    return how


def outlast(sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Sleep past any time limit. Whoever sets one ends this, so waking up at all is worth an error."""
    sleep(LONGEST_LAMBDA_SECONDS + 60)
    raise RuntimeError("no time limit ended this attempt")


def exhaust(limit_mb: int | str) -> NoReturn:
    """Take the memory limit and half as much again, then do what the kernel does to those who take too much.

    Lambda kills the process on the way. A machine that enforces no limit is not hurt: this never takes more
    than 1.5 times the limit, and the last line ends the process as the kernel would have.
    """
    taken = []
    try:
        for _ in range(0, int(limit_mb) * 3 // 2, BLOCK_MB):
            taken.append(b"\x01" * (BLOCK_MB << 20))  # written, not only reserved: zeroed pages cost nothing
    except MemoryError:
        taken.clear()
    os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError("nothing ended this attempt")

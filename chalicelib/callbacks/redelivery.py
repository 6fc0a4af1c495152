"""When a callback that failed is tried again: the Standard Webhooks schedule, about three days in all."""

import random
from collections.abc import Callable
from typing import Final

# The pause before each attempt, in seconds: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
PAUSES_S: Final = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS: Final = len(PAUSES_S)
MAX_RETRY_AFTER_S: Final = 86_400
_JITTER: Final = 0.1
#: From the first attempt to the last, jitter included: what is not delivered by then is given up.
SPAN_MS: Final = round(1000 * sum(PAUSES_S) * (1 + _JITTER))
_GONE: Final = 410


def next_try(
    attempt: int,
    now_ms: int,
    retry_after_s: float | None = None,
    rand: Callable[[], float] = random.random,
    *,
    status_code: int | None = None,
) -> int | None:
    """When to try again after `attempt` attempts (1 = the first has just failed); None: never.

    Up to a tenth is added, so that receivers who failed together are not called together. A receiver's
    Retry-After only ever makes it later, by a day at most; after a 410 (gone) nothing is sent any more.
    """
    if attempt >= MAX_ATTEMPTS or status_code == _GONE:
        return None
    pause_s = PAUSES_S[attempt] * (1 + _JITTER * rand())
    asked_s = min(max(retry_after_s or 0, 0), MAX_RETRY_AFTER_S)
    return now_ms + round(1000 * max(pause_s, asked_s))

"""May a call be tried again, and when. Pure: tries, time spent and chance are arguments."""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass

from invoke_once.client.core.effects import Answer, Lost, Reply

AGAIN = frozenset({429, 502, 503, 504})
NOT_DONE = frozenset({429, 503})  # the service refused before it did anything


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently one call is repeated; seconds throughout.

    `retry_after_cap_s` bounds what a `Retry-After` may ask for, `budget_s` all tries of a call together.
    """

    max_tries: int = 6
    base_s: float = 0.2
    cap_s: float = 5.0
    retry_after_cap_s: float = 30.0
    budget_s: float = 60.0

    def backoff(self, failures: int, chance: float) -> float:
        """The pause after that many failures in a row (1, 2, …): exponential, half of it left to chance."""
        ceiling = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return ceiling * (0.5 + 0.5 * chance)

    def pause_after(self, answer: Answer, failures: int, chance: float) -> float:
        """The backoff, or what the service asked for where that is longer."""
        asked = min(retry_after_s(answer) or 0.0, self.retry_after_cap_s)
        return max(self.backoff(failures, chance), asked)

    def next_pause(
        self, answer: Answer, failures: int, spent_s: float, chance: float, *, repeatable: bool = True
    ) -> float | None:
        """Seconds until the next try, or None where this answer is the last one."""
        if not worth_repeating(answer, repeatable=repeatable) or failures >= self.max_tries:
            return None
        seconds = self.pause_after(answer, failures, chance)
        return seconds if spent_s + seconds <= self.budget_s else None


def worth_repeating(answer: Answer, *, repeatable: bool = True) -> bool:
    """True when another try may fare better and can do no harm.

    `repeatable=False`: a call that must not happen twice; only a try that surely did nothing is repeated.
    """
    if isinstance(answer, Lost):
        return not answer.final and (repeatable or not answer.sent)
    return answer.status in (AGAIN if repeatable else NOT_DONE) or (repeatable and is_gateways_own(answer))


def is_gateways_own(reply: Reply) -> bool:
    """True for a 500 that is not the service's: API Gateway's own, without a problem document. It passes."""
    return reply.status == 500 and "problem+json" not in reply.headers.get("content-type", "").lower()


def maybe_done(answer: Answer) -> bool:
    """True when a try without a good answer may all the same have been carried out."""
    return answer.sent if isinstance(answer, Lost) else answer.status not in NOT_DONE


def retry_after_s(answer: Answer) -> float | None:
    """`Retry-After` in seconds, from either of its forms; None without one, or where it does not parse."""
    value = answer.headers.get("retry-after", "").strip() if isinstance(answer, Reply) else ""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time()) if value else None
    except (ValueError, OverflowError):
        return None

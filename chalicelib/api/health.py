"""Whether the parts of the service answer. Who asks needs no token, so parts are not asked at each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from invoke_once.errors import InvokeOnceError

State = Literal["ok", "failing"]
#: How long an answer is kept in each sandbox: callers without a token cost three reads in that time, however many call.
KEPT_MS = 5_000


class Health:
    """What the parts said when they were last asked."""

    def __init__(self) -> None:
        self._asked_ms = -KEPT_MS
        self._found: dict[str, State] = {}

    def of(self, parts: Mapping[str, Callable[[], object]], now_ms: int) -> dict[str, State]:
        """Each part's state, as it is or was KEPT_MS before. A part fails if its call raises an error of ours."""
        if now_ms - self._asked_ms >= KEPT_MS:
            self._found = {name: _state(ask) for name, ask in parts.items()}
            self._asked_ms = now_ms
        return dict(self._found)


def _state(ask: Callable[[], object]) -> State:
    try:
        ask()
    except InvokeOnceError:
        return "failing"
    return "ok"

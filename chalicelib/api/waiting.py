"""Holding a call until something has happened: the store is asked again and again, at first often."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chalicelib.api.backend import Backend
from invoke_once.life.head import Head

FIRST_PAUSE_S, PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.25, 1.0


def hold(backend: Backend, head: Head, seconds: int, enough: Callable[[Head], bool]) -> Head:
    """The run as soon as `enough` of it holds, or as it is after `seconds`. Gone meanwhile: as it was last."""
    until_ms = backend.service.now_ms() + seconds * 1000
    for pause_s in _pauses():
        left_s = (until_ms - backend.service.now_ms()) / 1000
        if enough(head) or left_s <= 0:
            break
        backend.sleep(min(pause_s, left_s))
        head = backend.service.store.get(head.run_id, backend.service.now_ms()) or head
    return head


def _pauses() -> Iterator[float]:
    yield FIRST_PAUSE_S
    pause_s = PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 1.25, LONGEST_PAUSE_S)

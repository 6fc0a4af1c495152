"""The sample `echo`: returns its input as it came; for `{"__size": n}`, a string of n characters instead."""

from __future__ import annotations

from typing import Any

from chalicelib.jobs import inputs
from invoke_once import tracked

MOST_CHARACTERS = 64_000_000


@tracked
def handler(event: Any, _context: object) -> Any:
    return echo(event)


def echo(event: Any) -> Any:
    if not (isinstance(event, dict) and event.keys() == {"__size"}):
        return event
    return "x" * inputs.count(event, "__size", most=MOST_CHARACTERS)

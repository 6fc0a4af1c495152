"""Read a sample's input, or say in one sentence what is wrong with it."""

from __future__ import annotations

import math
from typing import Any


def members(event: object, wanted: str) -> dict[str, Any]:
    """The input as an object. TypeError, naming what was `wanted`, where it is anything else."""
    if not isinstance(event, dict):
        raise TypeError(f"the input must be an object with {wanted}, not {kind(event)}")
    return event


def text(given: dict[str, Any], name: str, default: str | None = None) -> str:
    """A member that is a string, not empty; the default where it is absent."""
    value = given.get(name, default)
    if value is None:
        raise ValueError(f"the input needs `{name}`")
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a string, not {kind(value)}")
    if not value:
        raise ValueError(f"`{name}` must not be empty")
    return value


def seconds(given: dict[str, Any], default: float | None = None) -> float:
    """The member `seconds`: a number that is not negative."""
    return number(given, "seconds", default)


def number(given: dict[str, Any], name: str, default: float | None = None) -> float:
    """A member that is a number and not negative."""
    value = given.get(name, default)
    if value is None:
        raise ValueError(f"the input needs `{name}`")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"`{name}` must be a number, not {kind(value)}")
    if not 0 <= value < math.inf:
        raise ValueError(f"`{name}` must be 0 or more, not {value}")
    return float(value)


def count(given: dict[str, Any], name: str, most: int, default: int | None = None) -> int:
    """A member that is a whole number from 0 to `most`; 3.0 counts as 3, as in JSON Schema."""
    value = given.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"`{name}` must be a whole number, not {kind(value)}")
    if not 0 <= value <= most:
        raise ValueError(f"`{name}` must be from 0 to {most}, not {value}")
    return value


def kind(value: object) -> str:
    """What JSON calls the value: for messages."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)

"""Takes events and does nothing, so that what is fired has somewhere to go."""

from typing import Any


def handler(event: Any, context: Any) -> None:
    print("{}")

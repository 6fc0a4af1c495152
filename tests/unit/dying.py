"""A process that is killed in the middle of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Dies(BaseException):
    """The process is gone."""


@contextmanager
def dying(owner: object, name: str, calls: int) -> Iterator[None]:
    """Meanwhile `owner.name` raises Dies in place of its call after so many."""
    real, left = getattr(owner, name), calls

    def counted(*given: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Dies
        left -= 1
        return real(*given)

    setattr(owner, name, counted)
    try:
        yield
    finally:
        setattr(owner, name, real)

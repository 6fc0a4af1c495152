"""What a process stands on, made once from its environment; a test, a bench or a worker hands in its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")


@contextmanager
def no_collections() -> Iterator[None]:
    """What is made inside stays: collections would look at its 60 000 objects for 40 ms, and find no garbage."""
    were_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were_on:
            gc.enable()


class Locator(Generic[T]):
    """Called, it answers what was handed in last, else the process's own, which `make` makes at its first use."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._own = cache(no_collections()(make))
        self._handed_in: list[T] = []

    def __call__(self) -> T:
        return self._handed_in[-1] if self._handed_in else self._own()

    @property
    def is_handed_in(self) -> bool:
        return bool(self._handed_in)

    @contextmanager
    def use(self, given: T) -> Iterator[T]:
        """Calls inside stand on `given`."""
        self._handed_in.append(given)
        try:
            yield given
        finally:
            self._handed_in.remove(given)

    def forget(self) -> None:
        """The next one is made anew, from the environment as it is then."""
        self._own.cache_clear()

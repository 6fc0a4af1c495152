"""A `map` that does several things at once, for whoever has threads for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

Each = Callable[..., Iterable[Any]]  #: `map`, or a pool's


@contextmanager
def several(threads: int) -> Iterator[Each]:
    """A `map` that does several at once; with one thread the plain one: in order, in this thread."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map

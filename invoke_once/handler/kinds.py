"""Which functions can be handlers, told when they are decorated: what Lambda does not await never runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MARK = "__invoke_once__"
#: Flags of a code object (Python's `inspect` has them too, which is not imported for it).
_GENERATOR, _COROUTINE, _ITERABLE_COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200


def refuse_wrong(handler: Callable[..., Any]) -> None:
    """Raises `TypeError` for what cannot be a handler, with words that say what to write."""
    if not callable(handler):
        raise TypeError(f"@tracked takes a handler, a function of (event, context), not a {type(handler).__name__}")
    name, flags = getattr(handler, "__name__", "handler"), _flags(handler)
    if flags & (_COROUTINE | _ITERABLE_COROUTINE | _ASYNC_GENERATOR):
        raise TypeError(
            f"{name} is an async function, and Lambda awaits none: name it `work` and write "
            f"`@tracked` above `def {name}(event, context): return asyncio.run(work(event, context))`"
        )
    if flags & _GENERATOR:
        raise TypeError(
            f"{name} is a generator function, and Lambda iterates over none: without `yield`, "
            "return a list of what it yields"
        )
    if getattr(handler, MARK, False):
        raise TypeError(f"{name} is tracked already: one @tracked is enough, outermost")


def _flags(handler: Any) -> int:
    while hasattr(handler, "func"):  # functools.partial
        handler = handler.func
    code = getattr(handler, "__code__", None)
    if code is None:  # an object with a method `__call__`
        code = getattr(vars(type(handler)).get("__call__"), "__code__", None)
    return int(getattr(code, "co_flags", 0))


def refuse_changed(event: Any) -> None:
    """Raises `TypeError` for an event that another decorator has made of Lambda's."""
    if event is None or isinstance(event, (dict, list, str, int, float)):
        return
    raise TypeError(
        f"the event is a {type(event).__name__}, which is not what Lambda gives: put @tracked outermost, "
        "above the decorator that changes the event"
    )

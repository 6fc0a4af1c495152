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


def refuse_wrong_options(key: Any, attach: Any, attach_seconds: Any) -> None:
    """Raises `TypeError` for a value that would mean something else than it says: the text "false" is true."""
    if not (key is None or isinstance(key, str) or callable(key)):
        raise TypeError(f"key is a path in the event, or a function of it, not a {type(key).__name__}")
    if not isinstance(attach, bool):
        raise TypeError(f"attach is True or False, not {attach!r}")
    number = isinstance(attach_seconds, (int, float)) and not isinstance(attach_seconds, bool)
    if not number or not 0 <= attach_seconds < float("inf"):
        raise TypeError(f"attach_seconds is a number of seconds, 0 or more, not {attach_seconds!r}")


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

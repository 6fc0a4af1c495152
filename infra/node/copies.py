"""Copies of functions for which some names mean something else: the modules they come from stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any


def copied(modules: Iterable[ModuleType], words: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """The public functions of `modules`, which call each other's copies; `words` stand before globals and builtins."""
    spaces = {module.__name__: {**vars(module), **words} for module in modules}
    made: dict[FunctionType, FunctionType] = {}

    def copy(function: FunctionType) -> FunctionType:
        if function not in made:
            space = spaces[function.__module__]
            made[function] = FunctionType(function.__code__, space, function.__name__, function.__defaults__,
                                          function.__closure__)  # fmt: skip
            made[function].__kwdefaults__ = function.__kwdefaults__
        return made[function]

    for space in spaces.values():
        for name, value in space.items():
            if name not in words and isinstance(value, FunctionType) and value.__module__ in spaces:
                space[name] = copy(value)
    return {function.__name__: copies for function, copies in made.items() if not function.__name__.startswith("_")}

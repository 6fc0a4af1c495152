"""A start's input against what its function takes: its JSON Schema (functions.toml), where there is one.

fastjsonschema turns a schema into Python once per process: 15 ms for its import, at the first function that has a
schema, and microseconds an input. It knows draft 7; functions.toml is checked with it before anything is deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from chalicelib.functions import Function
from invoke_once.errors import ConfigurationError
from invoke_once.handler.envelope import MEMBER

Check = Callable[[Any], Any]


def wrong(function: Function, value: Any) -> tuple[str, str] | None:
    """(JSON pointer from the input, what is wrong there), or None: nothing is known to be wrong."""
    if function.mode == "destination" and value is not None:
        if not isinstance(value, dict):
            return "", "input of an unwrapped function must be object"
        if MEMBER in value:
            return f"/{MEMBER}", "the name is reserved"
    if function.input_schema is None:
        return None
    from fastjsonschema import JsonSchemaValueException

    try:
        _compiled(function.name, _Schema(function.input_schema))(value)
    except JsonSchemaValueException as error:
        path = "".join(f"/{_escaped(part)}" for part in list(error.path)[1:])
        return path, str(error.message).replace(str(error.name), "input", 1)
    except RecursionError:
        return "", "input is nested too deeply"
    return None


def check_schemas(functions: Iterable[Function]) -> None:
    """For packaging. Raises ConfigurationError for a schema that is none."""
    for function in functions:
        if function.input_schema is not None:
            _compiled(function.name, _Schema(function.input_schema))
        found = wrong(function, function.schedule_input) if function.schedule_input is not None else None
        if found:
            raise ConfigurationError(f"[functions.{function.name}.schedule_input]{found[0]}: {found[1]}")


class _Schema:
    """A schema as a key of a cache: itself, by identity."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and self.schema is other.schema

    def __hash__(self) -> int:
        return id(self.schema)


@cache
def _compiled(name: str, schema: _Schema) -> Check:
    import fastjsonschema

    try:
        check: Check = fastjsonschema.compile(dict(schema.schema), use_default=False)
    except Exception as error:  # it raises whatever it stumbles on
        raise ConfigurationError(f"[functions.{name}.input_schema] is not a JSON Schema: {error}") from None
    return check


def _escaped(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")

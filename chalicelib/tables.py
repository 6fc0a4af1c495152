"""TOML files as msgspec structs. A mistake is told by table and key, with the nearest name where one is misspelt."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, ValidationError

from invoke_once.errors import ConfigurationError

T = TypeVar("T")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")


def text(pattern: str, description: str, *, empty: bool = True) -> Meta:
    """A text that is all of `pattern`, or nothing; `description` is its line in the reference."""
    return Meta(pattern=rf"\A(?:{pattern}){'?' if empty else ''}\Z", description=description)


def document(path: Path) -> dict[str, Any]:
    """What the file holds. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as problem:
        raise ConfigurationError(f"{path.name} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path.name} is not TOML: {problem}") from None


def read(table: Any, kind: type[T], where: str) -> T:
    """The table as a struct that forbids unknown fields. Raises ConfigurationError, which begins with `where`."""
    try:
        return msgspec.convert(table, kind)
    except ValidationError as error:
        raise ConfigurationError(f"{where} {_told(str(error), table, kind)}") from None


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean NAME?`, or nothing."""
    from difflib import get_close_matches  # only a mistake needs it

    found = get_close_matches(name, list(known))
    return f"; did you mean {found[0]}?" if found else ""


def _told(message: str, given: Any, kind: type) -> str:
    """One of msgspec's messages, "WHAT - at `$.key[0].key`", as KEY = VALUE: what was expected."""
    what, _, at = message.partition(" - at ")
    path = at.removeprefix("`key` in ").strip("`").removeprefix("$").removesuffix("[...]").removeprefix(".")
    node = msgspec.inspect.type_info(kind)
    for step in re.findall(r"\w+", path):
        node, given = _inner(node, step), given[int(step) if isinstance(given, list) else step]
    node = _bare(node)
    if unknown := _UNKNOWN.fullmatch(what):
        known = [field.name for field in node.fields] if isinstance(node, msgspec.inspect.StructType) else []
        return f"{path + '.' if path else ''}{unknown[1]}: there is no such key{nearest(unknown[1], known)}"
    if isinstance(node, msgspec.inspect.LiteralType) and isinstance(given, str):
        known = [str(value) for value in node.values]
        return f"{path} = {given!r}: it is one of {', '.join(known)}{nearest(given, known)}"
    expected = re.sub(r"\\A\(\?:(.*)\)\??\\Z", r"\1", what.replace("`", "").replace("\\\\", "\\"))
    expected = expected.replace("Expected", "expected")
    shown = f" ({', '.join(given)})" if isinstance(given, dict) else f" = {given!r}"  # no values of an environment
    return f"{path}{shown}: {expected}"


def _bare(node: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Without what only describes it, and without None."""
    while isinstance(node, msgspec.inspect.Metadata):
        node = node.type
    if isinstance(node, msgspec.inspect.UnionType):
        return _bare(next(one for one in node.types if not isinstance(one, msgspec.inspect.NoneType)))
    return node


def _inner(node: msgspec.inspect.Type, step: str) -> msgspec.inspect.Type:
    node = _bare(node)
    if isinstance(node, msgspec.inspect.StructType):
        return next(field.type for field in node.fields if field.name == step)
    return node.item_type if isinstance(node, msgspec.inspect.VarTupleType) else msgspec.inspect.AnyType()

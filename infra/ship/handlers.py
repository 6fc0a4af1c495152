"""Whether the handlers of functions.toml are there, before anything is deployed. Nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from chalicelib.functions import Function
from infra.paths import ROOT
from invoke_once.errors import ConfigurationError


def check_handlers(functions: Iterable[Function]) -> None:
    """Raises ConfigurationError for a handler whose module or name is not there: each start would fail."""
    for function in functions:
        module, _, name = function.handler.rpartition(".")
        places = [ROOT / module.replace(".", "/") / "__init__.py", ROOT / f"{module.replace('.', '/')}.py"]
        found = next((place for place in places if place.is_file()), None)
        if function.handler and (found is None or name not in _names(found)):
            missing = f"there is no {name} in {found.relative_to(ROOT)}" if found else f"there is no module {module}"
            raise ConfigurationError(f"functions.toml: [functions.{function.name}] handler: {missing}")


def _names(module: Path) -> set[str]:
    """What a module defines or imports at its top."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name)
    return found

"""Other packages are used by what they make public; no attribute with a leading underscore of theirs is touched."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.paths import ROOT

TREES = ("invoke_once", "chalicelib", "infra", "bench")
#: Mend the emulator from inside, at one pinned version; tests/infra/test_launcher.py and test_strictness.py say when a
#: part may go.
EMULATOR = {ROOT / "infra" / "local" / name for name in ("launcher.py", "strictness.py", "cold_starts.py")}
#: Documented by the standard library: a leading underscore only keeps them apart from somebody's own names.
DOCUMENTED = frozenset({"_fields", "_replace", "_asdict", "_make", "_field_defaults", "_exit"})
REACHES = frozenset({"getattr", "setattr", "hasattr", "delattr"})


def sources() -> list[Path]:
    found = [ROOT / "app.py", *(file for tree in TREES for file in sorted((ROOT / tree).rglob("*.py")))]
    return [file for file in found if file not in EMULATOR]


def private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def owned(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def own_names(tree: ast.AST) -> set[str]:
    """Private names that this very file defines: of its functions, classes, and what `self._name` is given."""
    nodes = list(ast.walk(tree))
    given = {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and owned(n.value)}
    return given | {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def touched(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of each private name reached on something that is not this file's own."""
    tree = ast.parse(source)
    mine = own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            names = [] if owned(node.value) or node.attr in mine else [node.attr]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REACHES:
            names = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant) and not owned(node.args[0])]
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(TREES) and node.level == 0:
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if private(name))


def test_nothing_private_of_another_package_is_touched() -> None:
    guilty = [
        f"{file.relative_to(ROOT)}:{line} {name}" for file in sources() for line, name in touched(file.read_text())
    ]
    assert guilty == []


@pytest.mark.parametrize("mistake", [
    "made._ruleset_resolver = 1", "model._get_connection().dispatch()", "getattr(client, '_endpoint')",
    "setattr(connection, '_client', 1)", "from botocore.client import _x", "self.table._client", "a.b()._c",
])  # fmt: skip
def test_a_reach_into_another_package_is_seen(mistake: str) -> None:
    assert list(touched(mistake))


def test_what_is_ones_own_or_documented_is_not() -> None:
    own = "class A:\n def f(self, other):\n  self._x = other._x\n  self._g()\n  Policy._fields\n"
    assert list(touched(own)) == []

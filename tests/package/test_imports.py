"""The import rule: who may know whom, and what a bare `import invoke_once` costs."""

from __future__ import annotations

import ast
import subprocess
import sys

from infra.paths import ROOT

LIBRARY = ROOT / "invoke_once"


def test_the_library_never_imports_the_service() -> None:
    guilty = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in LIBRARY.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if "chalicelib" in imported(node)
    ]
    assert guilty == []


def test_neither_library_nor_service_imports_what_only_builds_and_tests() -> None:
    guilty = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for tree in ("invoke_once", "chalicelib")
        for file in (ROOT / tree).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if imported(node) & {"infra", "tests", "bench", "examples"}
    ]
    assert guilty == []


def test_importing_the_library_loads_no_aws_client_and_no_http_client() -> None:
    code = "import sys, invoke_once; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"pynamodb", "boto3", "botocore", "httpx", "click", "rich"}.isdisjoint(loaded.stdout.split())


def imported(node: ast.AST) -> set[str]:
    """The top-level names that this statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return {node.module.split(".")[0]}
    return set()

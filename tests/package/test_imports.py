"""Who may know whom: rooms and their arrows in one table, no circles, and what a bare `import invoke_once` costs.

A room is a folder below `invoke_once`, `chalicelib` or `infra`, or a module that lies directly there.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from infra.paths import ROOT

TREES = ("invoke_once", "chalicelib", "infra")
#: What every room may import, and what every room of `infra` may besides: small, and knowing nothing itself.
LEAVES = frozenset({"invoke_once.errors", "invoke_once.locator", "invoke_once.log", "invoke_once.version"})
INFRA_LEAVES = frozenset({"infra.paths", "infra.installers"})
#: Room: the rooms it may import, beside the leaves.
MAY_IMPORT: Mapping[str, str] = {
    # the library
    "invoke_once": "invoke_once.handler invoke_once.client",
    "invoke_once.life": "",
    "invoke_once.store": "invoke_once.life",
    "invoke_once.handler": "invoke_once.life invoke_once.store",
    "invoke_once.testing": "invoke_once.life invoke_once.store invoke_once.handler",
    "invoke_once.pytest_plugin": "invoke_once.testing",
    "invoke_once.signing": "",
    "invoke_once.outside": "invoke_once.life",
    "invoke_once.outside_formats": "invoke_once.outside",
    "invoke_once.client": "invoke_once.life invoke_once.client_errors",
    "invoke_once.client_errors": "invoke_once.client",
    "invoke_once.cli": "invoke_once.client invoke_once.client_errors invoke_once.signing invoke_once.outside"
    " invoke_once.outside_formats"
    " invoke_once.life",
    # the service
    "chalicelib.settings": "",
    "chalicelib.targets": "",
    "chalicelib.tables": "",
    "chalicelib.functions": "chalicelib.targets chalicelib.tables",
    "chalicelib.keyring": "invoke_once.signing invoke_once.store",
    "chalicelib.tokens": "invoke_once.store",
    "chalicelib.invoker": "invoke_once.store",
    "chalicelib.pauses": "invoke_once.life invoke_once.store",
    "chalicelib.service": "chalicelib.settings chalicelib.functions chalicelib.invoker chalicelib.pauses"
    " invoke_once.store invoke_once.handler",
    "chalicelib.gates": "chalicelib.service chalicelib.functions chalicelib.pauses invoke_once.life invoke_once.store",
    "chalicelib.runs": "chalicelib.gates chalicelib.service chalicelib.functions chalicelib.invoker invoke_once.life"
    " invoke_once.store invoke_once.handler",
    "chalicelib.batches": "chalicelib.runs chalicelib.service chalicelib.functions"
    " chalicelib.invoker invoke_once.life invoke_once.store",
    "chalicelib.bulk": "chalicelib.batches chalicelib.runs chalicelib.service chalicelib.invoker"
    " invoke_once.life"
    " invoke_once.store",
    "chalicelib.due": "chalicelib.batches chalicelib.bulk chalicelib.gates chalicelib.runs chalicelib.service"
    ""
    " chalicelib.invoker invoke_once.life invoke_once.store invoke_once.handler",
    "chalicelib.callbacks": "chalicelib.batches chalicelib.runs chalicelib.service chalicelib.settings"
    " chalicelib.invoker chalicelib.keyring invoke_once.life invoke_once.store invoke_once.signing",
    "chalicelib.destinations": "chalicelib.runs chalicelib.service chalicelib.functions chalicelib.targets"
    " invoke_once.life invoke_once.store invoke_once.handler",
    "chalicelib.api": "chalicelib.batches chalicelib.bulk chalicelib.gates chalicelib.invoker chalicelib.runs"
    " chalicelib.callbacks chalicelib.service chalicelib.functions chalicelib.targets chalicelib.keyring"
    " chalicelib.tokens chalicelib.web invoke_once.life invoke_once.store",
    "chalicelib.triggers": "chalicelib.batches chalicelib.due chalicelib.callbacks chalicelib.destinations"
    " chalicelib.service",
    "chalicelib.startup": "chalicelib.service invoke_once.store",
    "chalicelib.web": "",
    "chalicelib.jobs": "invoke_once invoke_once.store",  # what a user's own job may import: nothing of the service
    # what builds, deploys and shows it; nothing of the above may import anything of it
    "infra": "",
    "infra.stages": "chalicelib.tables",
    "infra.matrix": "infra.stages",
    "infra.template": "infra.stages chalicelib.functions chalicelib.targets invoke_once.outside",
    "infra.ship": "infra.template infra.stages chalicelib.functions chalicelib.runs chalicelib.callbacks"
    " chalicelib.keyring chalicelib.tokens invoke_once.life invoke_once.store",
    "infra.node": "infra.ship invoke_once.handler invoke_once.life invoke_once.store invoke_once.testing",
    "infra.local": "infra.ship infra.stages invoke_once.signing",
    "infra.operate": "infra.local infra.ship infra.template infra.stages chalicelib.functions chalicelib.keyring",
    "infra.demo": "infra.local infra.ship invoke_once invoke_once.client invoke_once.outside",
}
#: How many modules may lie directly in a tree, side by side: a newcomer reads their names at once.
SIDE_BY_SIDE: Mapping[str, int] = {"invoke_once": 10, "chalicelib": 10, "infra": 12}
#: A library that only these rooms may import.
ONLY_IN: Mapping[str, str] = {
    "pynamodb": "invoke_once.store chalicelib.tokens",
    "httpx": "invoke_once.client invoke_once.cli infra.local infra.operate infra.demo",
    "click": "invoke_once.cli",
    "rich": "invoke_once.cli infra.demo",
}

Imports = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """The project's modules, by dotted name."""
    files = [file for tree in TREES for file in (ROOT / tree).rglob("*.py")]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imports() -> Imports:
    """What each module imports, wherever in it: the project's modules, and the names of libraries."""
    known = modules()
    return {name: set(imported(file.read_text(), known)) for name, file in known.items()}


def imported(source: str, known: Mapping[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            found |= {whole if (whole := f"{base}.{alias.name}") in known else base for alias in node.names}
    return found


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def forbidden(graph: Imports) -> list[str]:
    """The imports that the table does not allow."""
    wrong = []
    for module, found in sorted(graph.items()):
        leaves = LEAVES | INFRA_LEAVES if module.startswith("infra.") else LEAVES
        allowed = leaves | set(MAY_IMPORT.get(room(module), "").split())
        for other in sorted(found):
            if other.split(".")[0] in TREES and room(other) != room(module) and room(other) not in allowed:
                wrong.append(f"{module} imports {other}")
            if room(module) not in ONLY_IN.get(other.split(".")[0], room(module)).split():
                wrong.append(f"{module} imports {other}")
            if other.split(".")[0] in ("tests", "bench", "examples"):
                wrong.append(f"{module} imports {other}")
    return wrong


def circle(graph: Imports) -> list[str]:
    """One circle of modules, imports for types alone included; empty: there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_import_is_in_the_table() -> None:
    assert forbidden(imports()) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(imports()) == []


@pytest.mark.parametrize("tree", SIDE_BY_SIDE)
def test_few_modules_lie_side_by_side(tree: str) -> None:
    flat = [name for name, file in modules().items() if file.parent == ROOT / tree and file.name != "__init__.py"]
    assert 0 < len(flat) <= SIDE_BY_SIDE[tree], sorted(flat)


def test_the_table_names_what_is_there() -> None:
    rooms = {room(module) for module in modules()}
    plain = {"chalicelib"} | LEAVES | INFRA_LEAVES
    scripts = {"infra.venvs", "infra.system_packages", "infra.docs_links"}  # import paths alone
    assert rooms - set(MAY_IMPORT) - plain - scripts == set()
    assert {name for allowed in MAY_IMPORT.values() for name in allowed.split()} <= rooms


@pytest.mark.parametrize(
    ("module", "other"),
    [
        ("invoke_once.life.move", "invoke_once.store.store"),
        ("invoke_once.store.dynamo", "invoke_once.handler.runtime"),
        ("invoke_once.handler.attempt", "invoke_once.client.once"),
        ("invoke_once.handler.attempt", "chalicelib.service"),
        ("invoke_once.handler.attempt", "httpx"),
        ("chalicelib.runs.dispatch", "chalicelib.api.problems"),
        ("chalicelib.jobs.echo", "chalicelib.service"),
        ("chalicelib.api.runs", "infra.paths"),
        ("infra.template.merge", "infra.ship.package"),
    ],
)
def test_an_import_against_the_arrows_would_be_found(module: str, other: str) -> None:
    assert forbidden({module: {other}}) == [f"{module} imports {other}"]


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_importing_the_library_loads_no_aws_client_and_no_http_client() -> None:
    code = "import sys, invoke_once; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"pynamodb", "boto3", "botocore", "httpx", "click", "rich"}.isdisjoint(loaded.stdout.split())


def test_what_is_public_is_where_it_was() -> None:
    code = (
        "from invoke_once import tracked, current_run, Once, AsyncOnce, RunCancelled, __version__\n"
        "from invoke_once.client import Once, RetryPolicy, RunHandle, RunInfo\n"
        "from invoke_once.client_errors import RunFailed, WaitTimeout, RunCancelled\n"
        "from invoke_once.errors import InvokeOnceError, SignatureError\n"
        "from invoke_once.signing import sign, verify\n"
        "from invoke_once.testing import Bench\n"
        "from invoke_once.cli import main\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

"""What would be deployed, opened: the zips hold all they need and nothing else, and are the same each time."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

import infra.ship.layer
from infra import stages
from infra.paths import ROOT, VENV
from infra.ship import package, zips

# as on AWS, but for the Python that runs these tests
OTHER_LANGUAGES = tuple(ROOT / "chalicelib" / "jobs" / name for name in ("node_hello", "node_report"))
HERE = replace(stages.load("prod"), name="here", runtime="")
SITE = f"python/lib/{HERE.python}/site-packages/"


@dataclass(frozen=True)
class Shipped:
    """The package, and its zips unpacked as Lambda does it; `runtime` is what Lambda's Python brings."""

    made: package.Package
    code: dict[str, bytes]
    layer: dict[str, bytes]
    unpacked: Path

    def modules(self) -> list[str]:
        """The Python files that run in a function."""
        return [name for name in self.code if name.endswith(".py") and not name.startswith("chalice/")]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    made = package.package(HERE)
    code, layer = zips.read(made.zips["CodeKey"]), zips.read(made.zips["LayerKey"])
    unpacked = tmp_path_factory.mktemp("unpacked")
    for key, directory in (("CodeKey", "code"), ("LayerKey", "layer")):
        zipfile.ZipFile(made.zips[key]).extractall(unpacked / directory)
    (unpacked / "runtime").mkdir()
    installed = next((VENV / "lib").glob("python3*")) / "site-packages"
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py"):
        (unpacked / "runtime" / name).symlink_to(installed / name)
    return Shipped(made, code, layer, unpacked)


def test_the_code_holds_the_app_the_service_the_library_and_the_registry(shipped: Shipped) -> None:
    assert {"app.py", "functions.toml", "chalice/app.py"} <= set(shipped.code)
    expected = set(zips.tree(ROOT / "chalicelib", "chalicelib/", without=OTHER_LANGUAGES))
    assert {name for name in shipped.code if name.startswith("chalicelib/")} == expected
    library = set(zips.library(ROOT / "invoke_once", "invoke_once/"))
    assert {name for name in shipped.code if name.startswith("invoke_once/")} == library


@pytest.mark.parametrize("name", zips.CLIENT_SIDE)
def test_no_function_gets_the_client_or_the_command_line(shipped: Shipped, name: str, tmp_path: Path) -> None:
    assert (ROOT / "invoke_once" / name).exists(), "what is left out has another name now"
    layer = zips.read(infra.ship.layer.layer(tmp_path / "layer"))
    for held in (shipped.code, layer):
        assert any("invoke_once/handler/wrapper.py" in file for file in held)
        assert not [file for file in held if f"invoke_once/{name}" in file]


def test_nothing_is_shipped_that_does_not_run(shipped: Shipped) -> None:
    for name in [*shipped.code, *shipped.layer]:
        assert "__pycache__" not in name
        assert not name.endswith((".pyc", ".env"))
        assert not name.startswith(("tests/", "infra/", "bench/", "docs/", ".local/"))
    assert {name.split("/")[0] for name in shipped.code} == {
        "app.py", "functions.toml", "chalice", "chalicelib", "invoke_once",
    }  # fmt: skip


def test_every_function_of_the_template_is_importable_from_the_zips_and_boto3_alone(shipped: Shipped) -> None:
    template = json.loads(shipped.made.template.read_text())
    functions = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    handlers = sorted({f["Handler"] for f in functions if f["Runtime"].startswith("python")})
    assert len(handlers) > 6
    lines = [f"getattr(import_module({module!r}), {name!r})\n" for module, name in map(split, handlers)]
    outcome = run_isolated(shipped, "".join(lines))
    assert outcome.returncode == 0, outcome.stderr


def test_every_import_of_every_module_resolves_inside_the_zips_and_boto3(shipped: Shipped) -> None:
    """Those inside functions too, which no import at start would show."""
    homes = [shipped.unpacked / "code", shipped.unpacked / "layer" / SITE, shipped.unpacked / "runtime"]
    missing = set()
    for name in shipped.modules():
        for imported in imports(shipped.code[name].decode()):
            top = imported.split(".")[0]
            found = any((home / top).is_dir() or (home / f"{top}.py").exists() for home in homes)
            if not found and top not in sys.stdlib_module_names:
                missing.add(f"{name} imports {imported}")
    assert missing == set()


def test_a_library_that_is_missing_from_the_zips_would_show(shipped: Shipped) -> None:
    assert run_isolated(shipped, "import_module('httpx')\n").returncode != 0


def test_the_same_sources_make_the_same_bytes(shipped: Shipped) -> None:
    before = {name: path.read_bytes() for name, path in shipped.made.zips.items()}
    again = package.package(HERE)
    assert {name: path.read_bytes() for name, path in again.zips.items()} == before


def test_what_decides_a_deployment_is_what_is_deployed() -> None:
    """Parameters and sources, but no comment of a file that only makes the template."""
    prod = stages.load("prod")
    assert package.content(prod) == package.content(stages.load("prod"))
    for changed in (
        replace(prod, worker_memory_mb=320),
        replace(prod, xray=True),
        replace(prod, bundle_boto3=False),
        replace(prod, alarm_email="ops@example.com"),
    ):
        assert package.content(changed) != package.content(prod)


def test_each_other_language_has_a_zip_of_its_own(shipped: Shipped) -> None:
    assert set(zips.read(shipped.made.zips["NodeHelloKey"])) == {"index.mjs"}
    assert not [name for name in shipped.code if name.endswith(".mjs") and name.startswith("chalicelib/jobs/")]


def split(handler: str) -> tuple[str, str]:
    module, _, name = handler.rpartition(".")
    return module, name


def imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
    return found


def run_isolated(shipped: Shipped, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` on a Python that sees the standard library, the code, the layer and the runtime, nothing else."""
    path = [str(shipped.unpacked / name) for name in ("code", f"layer/{SITE}", "runtime")]
    start = f"import sys\nfrom importlib import import_module\nsys.path[:0] = {path!r}\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + code], capture_output=True, text=True,
        env={"AWS_DEFAULT_REGION": "us-east-1", "ONCE_STACK": "s"},
    )  # fmt: skip


def test_a_tracked_node_function_has_its_library_and_only_what_runs(shipped: Shipped) -> None:
    files = zips.read(shipped.made.zips["NodeReportKey"])
    assert {"index.mjs", "node_modules/invoke-once/package.json", "node_modules/invoke-once/src/index.js"} <= set(files)
    assert not [name for name in files if "test" in name.split("/") or name.endswith(".map")]
    has_sdk = any(name.startswith("node_modules/@aws-sdk/client-dynamodb/") for name in files)
    assert has_sdk is shipped.made.directory.name.startswith("local"), "Lambda's runtime brings the SDK"

"""The npm packages as they are published, with what they depend on, in an empty project: they load, and the pages' code
compiles."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from app import app
from chalicelib.api.openapi.document import document_text
from chalicelib.functions import load
from infra.node import build
from infra.paths import FUNCTIONS_TOML, ROOT
from infra.ship import npm, zips
from tests.docs.blocks import blocks
from tests.typescript import test_types

tools = test_types.tools
PAGES = ("docs/how-to/node.md", "docs/reference/node.md")
MISTAKES = {
    'import { Once } from "invoke-once/client"; await new Once().strat("x");': "Property 'strat' does not exist",
    'import { tracked } from "invoke-once"; tracked(async () => 1, { atach: true });': "'atach' does not exist",
    'import { currentRun } from "invoke-once"; currentRun().progress("half");': "not assignable",
    'import { tracked } from "invoke-once"; tracked((e: any, c: any, callback: () => void) => 1);': "not assignable",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tools: Path) -> Path:
    """An empty project with both packages unpacked as npm does it, and the service's description as types."""
    made = tmp_path_factory.mktemp("project")
    (made / "node_modules").mkdir()
    for module in npm.installed(ROOT / "node", "--omit=dev").iterdir():
        (made / "node_modules" / module.name).symlink_to(module)
    for directory in ("node", "node/serverless"):
        name = json.loads((ROOT / directory / "package.json").read_text())["name"]
        with tarfile.open(build.pack(ROOT / directory, made / "packed")) as archive:
            archive.extractall(made / "unpacked" / name, filter="data")
        (made / "unpacked" / name / "package").rename(made / "node_modules" / name)
    (made / "package.json").write_text(json.dumps({"name": "empty", "private": True, "type": "module"}))
    (made / "openapi.json").write_text(document_text(app, load(FUNCTIONS_TOML, "s"))[0])
    subprocess.run([tools / "openapi-typescript", "openapi.json", "-o", "api.d.ts"], cwd=made, check=True,
                   capture_output=True, timeout=120)  # fmt: skip
    return made


def test_it_loads_in_node(project: Path) -> None:
    program = """
    const { Once, tracked, currentRun } = await import("invoke-once");
    const errors = await import("invoke-once/errors");
    const plugin = (await import("serverless-invoke-once")).default;
    const answer = await tracked(async (event) => [event, currentRun().id])(1, {});
    console.log(JSON.stringify([typeof Once, typeof errors.RunCancelled, typeof plugin, answer]));
    """
    done = subprocess.run(["node", "--input-type=module", "-e", program], cwd=project, capture_output=True, text=True,
                          check=True, timeout=60)  # fmt: skip
    assert json.loads(done.stdout) == ["function", "function", "function", [1, "local"]]


def test_the_code_of_the_pages_compiles_and_mistakes_do_not(project: Path, tools: Path) -> None:
    code = [block.text for page in PAGES for block in blocks(ROOT / page) if block.kind == "ts"]
    assert len(code) == 3
    wrong = [*MISTAKES, code[-1].replace("seconds: 3", 'seconds: "3"')]
    for number, text in enumerate([*code, *wrong]):
        (project / f"p{number}.ts").write_text(text)
    strict = ("--strict", "--noEmit", "--target", "es2023", "--module", "nodenext", "--moduleResolution", "nodenext")
    names = [f"p{number}.ts" for number in range(len(code) + len(wrong))]
    done = subprocess.run([tools / "tsc", *strict, "--lib", "es2023,dom,dom.asynciterable", *names],
                          cwd=project, capture_output=True, text=True, timeout=120)  # fmt: skip
    said = {name: [line for line in done.stdout.splitlines() if line.startswith(name)] for name in names}
    for name in names[: len(code)]:
        assert said[name] == [], done.stdout
    for name, mistake in zip(names[len(code) :], [*MISTAKES.values(), "Type 'string' is not assignable"], strict=True):
        assert mistake in "\n".join(said[name]), (name, done.stdout)


def test_the_layer_has_the_library_and_no_sdk(tmp_path: Path) -> None:
    files = zips.read(build.layer(tmp_path))
    assert {"nodejs/node_modules/invoke-once/package.json", "nodejs/node_modules/invoke-once/src/index.js"} <= set(
        files
    )
    assert all(name.startswith("nodejs/node_modules/invoke-once/") for name in files)

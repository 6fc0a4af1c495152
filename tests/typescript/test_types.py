"""Types that openapi-typescript makes of the OpenAPI document, in programs that TypeScript compiles strictly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from app import app
from chalicelib.api.openapi.document import document_text
from chalicelib.functions import load
from infra.paths import FUNCTIONS_TOML
from infra.ship import npm

HERE = Path(__file__).parent
PROGRAM = (HERE / "start.ts").read_text()
STRICT = ("--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")


@pytest.fixture(scope="module")
def tools() -> Path:
    """The two commands, installed from npm as package-lock.json pins them."""
    return npm.installed(HERE) / ".bin"


@pytest.fixture(scope="module")
def types(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with api.d.ts, made with no option."""
    made = tmp_path_factory.mktemp("types")
    (made / "openapi.json").write_text(document_text(app, load(FUNCTIONS_TOML, "s"))[0])
    command = [tools / "openapi-typescript", "openapi.json", "-o", "api.d.ts"]
    subprocess.run(command, cwd=made, check=True, capture_output=True, timeout=120)
    return made


#: A change of start.ts, and what the compiler says of it; the first is start.ts itself. One file each.
CHANGES = {
    "start": ("", "", ""),
    "wrong-input": ('{ csv: "a,b\\n1,2\\n" }', "{ csv: 1 }", "Type 'number' is not assignable to type 'string'"),
    "no-input": (', input: { csv: "a,b\\n1,2\\n" }', "", "Property 'input' is missing"),
    "no-such-function": ('"report"', '"reprot"', "'\"reprot\"' is not assignable"),
    "misspelt": ("input:", "inptu:", "'inptu' does not exist"),
    "no-such-status": ('"succeeded"', '"success"', "have no overlap"),
}


def test_a_start_compiles_and_mistakes_in_it_do_not(tools: Path, types: Path) -> None:
    for name, (was, now, _) in CHANGES.items():
        assert was in PROGRAM
        (types / f"{name}.ts").write_text(PROGRAM.replace(was, now) if was else PROGRAM)
    command = [tools / "tsc", *STRICT, *(f"{name}.ts" for name in CHANGES)]
    said = subprocess.run(command, cwd=types, capture_output=True, text=True, timeout=120).stdout.splitlines()
    for name, (_, _, mistake) in CHANGES.items():
        errors = [line for line in said if line.startswith(f"{name}.ts")]
        assert bool(errors) == bool(mistake), (name, errors)
        assert mistake in "\n".join(said), (name, said)

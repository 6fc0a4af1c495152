"""The tests on what is not this virtualenv: every Python of this machine, and other releases of boto3.

    python -m infra.operate.matrix pythons [3.13 …]   unit and machine tests, each Python 3.11 or newer that is found
    python -m infra.operate.matrix deployed           what runs in Lambda, on the Python of `prod` where that is another
    python -m infra.operate.matrix boto3              the wrapper's tests, on the oldest boto3 of Lambda and the newest

Each has a small virtualenv of its own under .local/matrix, kept from run to run. A Python is looked for by its name on
PATH and among pyenv's; what is not there is said and left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra import stages
from infra.paths import ROOT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: AWS publishes no list: the SDK in a runtime depends on the runtime's version and the Region (Lambda Developer Guide,
#: "Building Lambda functions with Python"). This is what users said python3.11 had when it came, in July 2023; nothing
#: of AWS's confirms it.
OLDEST_BOTO3 = "1.27.1"
NEEDED = (
    "pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "standardwebhooks", "trustme", "jsonschema",
    "awslambdaric", "mypy",
)  # fmt: skip
UNIT = ("tests/unit", "tests/machine", "-n", "2")
#: what runs in Lambda, without processes and terminals: a minute
IN_LAMBDA = tuple(f"tests/unit/{room}" for room in ("life", "store", "handler", "direct", "runs", "due", "callbacks"))
#: contract: the in-memory half; the other needs an emulator
WRAPPER = (
    "tests/unit/handler",
    "tests/unit/store",
    "tests/unit/life",
    "tests/unit/direct",
    "tests/contract",
    "-k",
    "not dynamodb and not wire",
)
HOME = ROOT / ".local" / "matrix"


@dataclass(frozen=True)
class Place:
    """One virtualenv and what runs in it."""

    name: str
    python: Path
    packages: tuple[str, ...]
    tests: Sequence[str]

    @property
    def venv(self) -> Path:
        return HOME / self.name


def found(version: str) -> Path | None:
    """The interpreter of a minor version, or None. A name on PATH may be a shim of pyenv's that refuses to run."""
    on_path = [Path(path)] if (path := shutil.which(f"python{version}")) else []
    pyenvs = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    return next((python for python in (*on_path, *pyenvs) if _answers(python, version)), None)


def _answers(python: Path, version: str) -> bool:
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True)
    return done.stdout.strip() == version


def of_pythons(versions: Sequence[str]) -> Iterator[Place]:
    for version in versions:
        python = found(version)
        if python is None:
            print(f"python{version}: not on this machine, left out")
        else:
            packages = ("-c", "requirements.txt", "-e", ".[cli,lambda,deploy]", *_of_dev(NEEDED))
            yield Place(f"python{version}", python, packages, UNIT)


def of_deployed() -> Iterator[Place]:
    version = stages.load("prod").python.removeprefix("python")
    if version != "{}.{}".format(*sys.version_info):
        yield from (
            replace(place, tests=(*IN_LAMBDA, "tests/unit/test_signing.py", "-n", "2"))
            for place in of_pythons([version])
        )


def of_boto3() -> Iterator[Place]:
    tools = _of_dev(NEEDED)
    service = tuple(one for one in _pinned() if one.startswith(("msgspec", "fastjsonschema", "chalice")))
    for name, boto3 in (("oldest", f"boto3=={OLDEST_BOTO3}"), ("newest", "boto3")):
        packages = ("--upgrade", "-e", ".[cli,lambda]", boto3, *service, *tools)
        yield Place(f"boto3-{name}", Path(sys.executable), packages, WRAPPER)


def _pinned() -> list[str]:
    extras: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    return [*extras["deploy"], *extras["dev"]]


def _of_dev(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in _pinned() if one.partition("==")[0] in names)


def run(place: Place) -> bool:
    """Whether its tests passed."""
    python = place.venv / "bin" / "python"
    if not python.exists():
        subprocess.run([str(place.python), "-m", "venv", "--without-pip", str(place.venv)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *place.packages], check=True, cwd=ROOT)
    said = "import sys, boto3; print('Python', sys.version.split()[0], 'with boto3', boto3.__version__)"
    print(f"{place.name}:", subprocess.check_output([str(python), "-c", said], text=True).strip(), flush=True)
    return subprocess.run([str(python), "-m", "pytest", "-q", *place.tests], cwd=ROOT).returncode == 0


def main(arguments: Sequence[str]) -> int:
    kind, *versions = arguments
    places = {"pythons": lambda: of_pythons(versions or PYTHONS), "deployed": of_deployed, "boto3": of_boto3}[kind]
    failed = [place.name for place in places() if not run(place)]
    print("failed on: " + ", ".join(failed) if failed else "passed on each")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

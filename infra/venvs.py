"""The virtualenvs, made when missing and brought up to date when their requirement files changed.

    .venv             the project, for people and for packaging (`run`), with tests and lint on top (`dev`)
    .local/emulator   the emulator, the AWS CLI and boto3; both are installed at the same time
    .local/audit      what `make audit` asks; .local/cloud and .local/sam too, which pin other versions
    .local/docs       what builds the documentation site
    .local/bench/venv the project beside what it is measured against; for `make bench` alone

Runs on the system's Python with the standard library alone. A stamp in each virtualenv holds the hash of what
was installed; a warm start reads two small files. Errors end in one sentence, the whole log stays in .local/.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
EXTRAS = {"run": "cli,lambda,deploy", "dev": "cli,lambda,deploy,dev", "bench": "cli,lambda,deploy,bench"}


#: Directories of libraries whose Python is not run, or by few and once: compiled where it is.
SELDOM_IMPORTED = "/(mypy|mypyc|setuptools|pip|lexers|tests?)/"


class SetupFailed(Exception):
    """A virtualenv could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class Environment:
    """One virtualenv: where it is, what pip installs into it, which files decide that."""

    name: str
    path: Path
    pip_arguments: tuple[str, ...]
    inputs: tuple[Path, ...]

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.path / f".installed-{self.name}"

    def wanted(self) -> str:
        parts = [
            sys.version,
            str(self.path),
            *self.pip_arguments,
            *(file.read_text() for file in self.inputs),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def is_current(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text() == self.wanted()


def project(kind: str) -> Environment:
    """The project's virtualenv: `run` has what packaging and the CLI need, `dev` what tests and lint do."""
    arguments = ("-c", "requirements.txt", "-e", f".[{EXTRAS[kind]}]")
    path = LOCAL / "bench" / "venv" if kind == "bench" else ROOT / ".venv"
    return Environment(kind, path, arguments, (ROOT / "pyproject.toml", ROOT / "requirements.txt"))


def emulator() -> Environment:
    requirements = ROOT / "infra" / "emulator-requirements.txt"
    return Environment("emulator", LOCAL / "emulator", ("-r", str(requirements)), (requirements,))


def audit() -> Environment:
    requirements = ROOT / "infra" / "audit-requirements.txt"
    return Environment("audit", LOCAL / "audit", ("-r", str(requirements)), (requirements,))


def cloud() -> Environment:
    requirements = ROOT / "infra" / "cloud-requirements.txt"
    return Environment("cloud", LOCAL / "cloud", ("-r", str(requirements)), (requirements,))


def sam() -> Environment:
    requirements = ROOT / "infra" / "sam-requirements.txt"
    return Environment("sam", LOCAL / "sam", ("-r", str(requirements)), (requirements,))


def docs() -> Environment:
    requirements = ROOT / "infra" / "docs-requirements.txt"
    return Environment("docs", LOCAL / "docs", ("-r", str(requirements)), (requirements,))


def needs(kind: str) -> list[Environment]:
    """The project's own virtualenv for `kind`, and what goes with it."""
    if kind == "audit":
        return [project("run"), audit(), cloud(), sam()]
    if kind == "docs":
        return [project("run"), docs()]
    if kind == "test":
        return [project("dev"), emulator(), docs()]
    if kind == "bench":
        return [project("run"), project(kind), emulator()]
    return [project(kind), emulator()]


def ensure(kind: str) -> None:
    """What `kind` needs is there and current afterwards; quick when it is already."""
    LOCAL.mkdir(exist_ok=True)
    with _one_at_a_time(LOCAL / "venvs.lock"):
        wanted = [environment for environment in needs(kind) if not _has(environment)]
        if not wanted:
            return
        started = time.monotonic()
        for environment in wanted:
            _create(environment)
        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(_install, wanted))
        print(f"  installed in {time.monotonic() - started:.0f} s", flush=True)


def _has(environment: Environment) -> bool:
    # `dev` includes everything of `run`, so a developer's virtualenv serves both
    return environment.is_current() or (environment.name == "run" and project("dev").is_current())


def _create(environment: Environment) -> None:
    if environment.python.exists():
        return
    # functions see the emulator's site-packages, so pip is not there: the project's installs into all
    options = ["--without-pip"] if environment.name in ("emulator", "docs") else []
    _step(environment, "ab", [sys.executable, "-m", "venv", *options, str(environment.path)])


def _install(environment: Environment) -> None:
    print(f"  installing {environment.path.relative_to(ROOT)} ({environment.name})", flush=True)
    pip = [str(ROOT / ".venv" / "bin" / "python"), "-m", "pip", "--python", str(environment.python)]
    _step(
        environment, "wb", [*pip, "install", "--no-compile", "--disable-pip-version-check", *environment.pip_arguments]
    )
    # pip compiles on one core; what is compiled here is what other processes would compile each for itself
    compiling = [str(environment.python), "-m", "compileall", "-q", "-j", "0", "-x", SELDOM_IMPORTED]
    compiling.append(str(environment.path / "lib"))
    subprocess.run(compiling, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment.stamp.write_text(environment.wanted())


def _step(environment: Environment, mode: str, command: list[str]) -> None:
    log = LOCAL / f"install-{environment.name}.log"
    with log.open(mode) as out:
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"ERROR: |[\w.]*(Error|Exception): ", line)] or lines[-1:]
    raise SetupFailed(
        f"Could not install {environment.path.relative_to(ROOT)}: {errors[0] if errors else 'no output'} "
        f"(whole log: {log.relative_to(ROOT)}; mend it and run the same command again)."
    )


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    kind = sys.argv[1] if len(sys.argv) > 1 else "run"
    try:
        ensure(kind)
    except SetupFailed as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

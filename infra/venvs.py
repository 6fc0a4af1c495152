"""The virtualenvs, made when missing and brought up to date when their requirement files changed.

    .venv             the project, for people and for packaging (`run`), with tests and lint on top (`dev`)
    .local/emulator   the emulator, the AWS CLI and boto3; both are installed at the same time
    .local/audit      what `make audit` asks; .local/cloud and .local/sam too, which pin other versions
    .local/docs       what builds the documentation site
    .local/bench/venv the project beside what it is measured against; for `make bench` alone
    .local/uv         what fills the others, where it is to be had (`installers.py`)

Runs on the system's Python with the standard library alone. A stamp in each virtualenv holds the hash of what
was installed; a warm start reads two small files. One whose installation was interrupted is made anew.
Errors end in one sentence, the whole log stays in .local/.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra import installers
from infra.paths import LOCAL, ROOT

EXTRAS = {"run": "cli,lambda,deploy", "dev": "cli,lambda,deploy,dev", "bench": "cli,lambda,deploy,bench"}
#: Their processes keep what they compile, a twentieth of what is there.
COMPILED_AT_IMPORT = ("uv", "emulator")
#: Directories of libraries whose Python is not run, or by few and once: compiled where it is.
SELDOM_IMPORTED = "/(mypy|mypyc|setuptools|pip|lexers|tests?)/"


class SetupFailed(Exception):
    """A virtualenv could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class Environment:
    """One virtualenv: where it is, what is installed into it, which files decide that."""

    name: str
    path: Path
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.path / f".installed-{self.name}"

    @property
    def unfinished(self) -> Path:
        """There while something is installed."""
        return self.path / ".unfinished"

    @property
    def log(self) -> Path:
        return LOCAL / f"install-{self.name}.log"

    def wanted(self) -> str:
        parts = [
            sys.version,
            str(self.path),
            *self.arguments,
            *(file.read_text() for file in self.inputs),
        ]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def is_current(self) -> bool:
        return not self.unfinished.exists() and self.stamp.exists() and self.stamp.read_text() == self.wanted()


def project(kind: str) -> Environment:
    """The project's virtualenv: `run` has what packaging and the CLI need, `dev` what tests and lint do."""
    arguments = ("-c", "requirements.txt", "-e", f".[{EXTRAS[kind]}]")
    path = LOCAL / "bench" / "venv" if kind == "bench" else ROOT / ".venv"
    return Environment(kind, path, arguments, (ROOT / "pyproject.toml", ROOT / "requirements.txt"))


def listed(name: str) -> Environment:
    """The virtualenv .local/NAME, of what infra/NAME-requirements.txt lists."""
    requirements = ROOT / "infra" / f"{name}-requirements.txt"
    return Environment(name, LOCAL / name, ("-r", str(requirements)), (requirements,))


def needs(kind: str) -> list[Environment]:
    """The project's own virtualenv for `kind`, and what goes with it."""
    if kind == "audit":
        return [project("run"), listed("audit"), listed("cloud"), listed("sam")]
    if kind == "docs":
        return [project("run"), listed("docs")]
    if kind == "test":
        return [project("dev"), listed("emulator"), listed("docs")]
    if kind == "bench":
        return [project("run"), project(kind), listed("emulator")]
    return [project(kind), listed("emulator")]


def ensure(kind: str) -> None:
    """What `kind` needs is there and current afterwards; quick when it is already."""
    LOCAL.mkdir(exist_ok=True)
    with _one_at_a_time(LOCAL / "venvs.lock"):
        wanted = [environment for environment in needs(kind) if not _has(environment)]
        if not wanted:
            return
        started = time.monotonic()
        _get_uv()
        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(install, wanted))
        print(f"  installed in {time.monotonic() - started:.0f} s", flush=True)


def _has(environment: Environment) -> bool:
    # `dev` includes everything of `run`, so a developer's virtualenv serves both
    return environment.is_current() or (environment.name == "run" and project("dev").is_current())


def _get_uv() -> None:
    try:
        if not listed("uv").is_current():
            install(listed("uv"))
    except SetupFailed:
        if not installers.has_pip() and not _packages(listed("uv")):
            raise  # nor is there any pip
        print(f"  without uv, pip installs: it takes longer ({listed('uv').log.relative_to(ROOT)})", flush=True)


def install(environment: Environment) -> None:
    """It holds what it is to hold, and says so. SetupFailed: it is as it was, or empty."""
    print(f"  installing {environment.path.relative_to(ROOT)} ({environment.name})", flush=True)
    environment.log.unlink(missing_ok=True)
    if environment.unfinished.exists() or not environment.python.exists():
        _create(environment)
    environment.unfinished.touch()
    _fill(environment)
    if environment.name not in COMPILED_AT_IMPORT:  # else its processes would compile, each for itself
        compiling = [str(environment.python), "-m", "compileall", "-q", "-j", "0", "-x", SELDOM_IMPORTED]
        compiling.append(str(environment.path / "lib"))
        subprocess.run(compiling, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment.stamp.write_text(environment.wanted())
    environment.unfinished.unlink()


def _create(environment: Environment) -> None:
    shutil.rmtree(environment.path, ignore_errors=True)
    environment.path.mkdir(parents=True)
    environment.unfinished.touch()
    # functions see the emulator's site-packages, so pip is in no virtualenv that does not list it
    bare = [] if environment.name == "uv" and not installers.has_pip() else ["--without-pip"]
    _step(environment, [sys.executable, "-m", "venv", *bare, str(environment.path)])


def _fill(environment: Environment) -> None:
    """By the first installer that succeeds. One that failed half way leaves an empty virtualenv."""
    for command, variables in installers.commands(environment.python, environment.arguments):
        before = _packages(environment)
        try:
            return _step(environment, command, variables)
        except SetupFailed as problem:
            failed = problem
        if _packages(environment) != before:
            _create(environment)
    environment.unfinished.unlink()
    raise failed


def _packages(environment: Environment) -> set[tuple[str, int]]:
    """Changes whenever a package comes, goes or is replaced."""
    return {(str(found), found.stat().st_mtime_ns) for found in environment.path.glob("lib/python*/site-packages/*")}


def _step(environment: Environment, command: list[str], variables: dict[str, str] | None = None) -> None:
    with environment.log.open("a+", errors="replace") as out:
        begin = out.seek(0, os.SEEK_END)
        done = subprocess.run(
            command, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        out.seek(begin)
        lines = [line.strip() for line in out if line.strip()]
    if done.returncode == 0:
        return
    errors = [line for line in lines if re.match(r"ERROR: |[\w.]*(Error|Exception): ", line)] or lines[-1:]
    told = re.sub(r" \(from versions: .*\)", "", errors[0]) if errors else "no output"
    raise SetupFailed(
        f"Could not install {environment.path.relative_to(ROOT)}: {told} "
        f"(whole log: {environment.log.relative_to(ROOT)}; mend it and run the same command again)."
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
    except KeyboardInterrupt:
        print("interrupted: the same command begins anew", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

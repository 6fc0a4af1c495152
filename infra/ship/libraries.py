"""The layer's content: what requirements.lock names, installed by hash, for Lambda and not for this machine.

Chalice would download the same by name; so it is given nothing to install, and its layer this content. uv and pip
refuse a file whose SHA-256 is not in the lock, whatever index it comes from. Kept in build/.libraries by the lock's
hash: a package after a code change installs nothing.

`python -m infra.ship.libraries` (`make lock`) writes the lock anew from requirements.txt.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.installers import commands
from infra.paths import BUILD, LOCAL, ROOT, VENV
from infra.ship import zips

LOCK = ROOT / "requirements.lock"
#: Lambda's Python runtimes run on Amazon Linux 2023 (glibc 2.34)
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux2014")
WHEELS = {"x86_64": "x86_64", "arm64": "aarch64"}  # what wheels call Lambda's architectures
#: programs, and what tells of the installation and not of the libraries: so uv and pip make the same bytes
NOT_SHIPPED = (
    "bin", ".lock", "*.dist-info/INSTALLER", "*.dist-info/RECORD", "*.dist-info/REQUESTED", "*.dist-info/uv_*.json",
)  # fmt: skip
COMPILE = (
    "--generate-hashes", "--strip-extras", "--no-annotate", "--no-header", "--no-emit-index-url",
    "--no-emit-find-links", "--no-emit-trusted-host", "--quiet",
)  # fmt: skip


class NotInstalled(Exception):
    """pip refused; the message is its own."""


def layer(python: str, architecture: str = "x86_64") -> dict[str, bytes]:
    """Name to content of the layer's files, for Lambda's runtime `python` (python3.13)."""
    return zips.tree(installed(python, architecture=architecture), f"python/lib/{python}/site-packages/")


def installed(python: str, lock: Path = LOCK, architecture: str = "x86_64") -> Path:
    """The directory that holds the libraries, installed now if it is not there."""
    key = hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()[:16]
    home = BUILD / ".libraries" / f"{python}-{architecture}-{key}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as new:
            _install(python, architecture, lock, Path(new) / "libraries")
            (Path(new) / "libraries").rename(home)
    return home


def _install(python: str, architecture: str, lock: Path, target: Path) -> None:
    wheels = WHEELS[architecture]
    version = python.removeprefix("python")
    platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_{wheels}")]
    arguments = [
        "--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet", "--upgrade", "--target", str(target),
        "--python-version", version, "-r", str(lock),
    ]  # fmt: skip
    for_uv = ["--python-platform", f"{wheels}-{PLATFORMS[0]}"]
    for command, variables in commands(
        VENV / "bin" / "python", arguments, for_uv=for_uv, for_pip=[*platforms, "--implementation", "cp"]
    ):
        done = subprocess.run(command, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            break
    else:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] or [done.stderr.strip()]
        raise NotInstalled(errors[0])
    for name in NOT_SHIPPED:
        for found in [*target.glob(name)]:
            shutil.rmtree(found) if found.is_dir() else found.unlink()


def lock() -> None:
    """Write requirements.lock: each version of requirements.txt with the hashes of its files; no index in it."""
    compile_ = [str(LOCAL / "audit" / "bin" / "pip-compile"), *COMPILE, "--output-file", str(LOCK), "requirements.txt"]
    subprocess.run(compile_, cwd=ROOT, check=True, env=os.environ | {"CUSTOM_COMPILE_COMMAND": "make lock"})


def main() -> int:
    lock()
    print(f"{LOCK.name}: {LOCK.read_text().count('==')} libraries")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The system's packages that some tests need: a browser. `make test` installs what is missing where it can.

It can as root with apt. Elsewhere it says what to install and goes on: the tests that need it then fail, and say
the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class SystemPackage:
    """`package` (apt's name) is there if one of `commands` is."""

    package: str
    commands: tuple[str, ...]
    reason: str

    def is_there(self) -> bool:
        return any(shutil.which(command) for command in self.commands)


NEEDED = (
    SystemPackage(
        "chromium", ("chromium", "chromium-browser", "google-chrome"), "the dashboard's tests drive a browser"
    ),
    SystemPackage("npm", ("npm",), "axe-core and TypeScript, with which tests check pages and types, come from npm"),
    SystemPackage("nodejs", ("node",), "the sample node-hello is JavaScript"),
)


def install(packages: list[SystemPackage]) -> None:
    """Install by apt; CalledProcessError if apt refuses."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "check": True}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
    names = [package.package for package in packages]
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], **quiet)  # type: ignore[call-overload]


def main() -> int:
    missing = [package for package in NEEDED if not package.is_there()]
    if not missing:
        return 0
    names = " ".join(package.package for package in missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        for package in missing:
            print(f"missing: {package.package} ({package.reason}); install it, or those tests fail", file=sys.stderr)
        return 0
    print(f"  installing {names}", flush=True)
    try:
        install(missing)
    except subprocess.CalledProcessError as problem:
        print(
            f"apt could not install {names} (exit {problem.returncode}): the tests that need it fail", file=sys.stderr
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

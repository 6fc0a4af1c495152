"""The system's packages that some tests need: a browser, Node.js. `make test` installs what is missing where it can.

It can as root with apt; a Node.js that is too old is overtaken by one from npm, in /usr/local, where PATH looks before
the distribution's. Elsewhere it says what to install and goes on: the tests that need it then fail, and say the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

NODE_MAJOR = 22  #: what node/package.json declares, a test keeps them the same
NODE_PREFIX = "/usr/local"
#: What the dashboard's tests can drive, the quickest first: the headless shell draws with two thirds of the CPU time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class SystemPackage:
    """`package` (apt's name) is there if one of `commands` is."""

    package: str
    commands: tuple[str, ...]
    reason: str

    def is_there(self) -> bool:
        return any(shutil.which(command) for command in self.commands)


NEEDED = (
    SystemPackage("chromium-headless-shell", BROWSERS, "the dashboard's tests drive a browser"),
    SystemPackage("npm", ("npm",), "axe-core, TypeScript and the AWS SDK for Node.js come from npm"),
    SystemPackage("nodejs", ("node",), "the samples node-hello and node-report are JavaScript"),
)


def browser() -> str | None:
    """The path of the browser that the tests drive; None: there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def node_major(command: Sequence[str] = ("node",)) -> int:
    """The major version of the `node` that PATH finds; 0: none, or none that runs."""
    try:
        told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        return int(told.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def install(packages: list[SystemPackage]) -> None:
    """Install by apt; CalledProcessError if apt refuses."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL, "check": True}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
    names = [package.package for package in packages]
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], **quiet)  # type: ignore[call-overload]


def install_node(prefix: str = NODE_PREFIX) -> None:
    """npm's package `node`, which brings the binary; CalledProcessError if npm refuses."""
    command = ["npm", "install", "--global", "--prefix", prefix, "--no-audit", "--no-fund", "--silent",
               f"node@{NODE_MAJOR}"]  # fmt: skip
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def main() -> int:
    may_install = os.geteuid() == 0 and shutil.which("apt-get")
    missing = [package for package in NEEDED if not package.is_there()]
    if missing and not may_install:
        for package in missing:
            print(f"missing: {package.package} ({package.reason}); install it, or those tests fail", file=sys.stderr)
    elif missing:
        names = " ".join(package.package for package in missing)
        print(f"  installing {names}", flush=True)
        _try(lambda: install(missing), f"apt could not install {names}")
    if node_major() < NODE_MAJOR:
        if may_install and shutil.which("npm"):
            print(f"  installing Node.js {NODE_MAJOR} in {NODE_PREFIX}", flush=True)
            _try(install_node, f"npm could not install Node.js {NODE_MAJOR}")
        if node_major() < NODE_MAJOR:
            print(f"missing: Node.js {NODE_MAJOR} or newer on PATH (node --version); the tests of node/ need it",
                  file=sys.stderr)  # fmt: skip
    return 0


def _try(installing: Callable[[], None], otherwise: str) -> None:
    try:
        installing()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"{otherwise} ({problem}): the tests that need it fail", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

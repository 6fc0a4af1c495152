"""What installs packages: uv, which takes seconds, and pip where uv is not to be had or fails.

uv is itself a package, put by pip into .local/uv. It reads nothing of pip's configuration, and the index that is named
there is the one to be asked; so `told` says the same to uv. Where pip is told what is not known here, pip installs.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from infra.paths import LOCAL, ROOT

UV = LOCAL / "uv"
#: pip's options that say where packages come from: the variable by which uv is told, and what is between two values.
SAME = {
    "index-url": ("UV_DEFAULT_INDEX", ""), "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","), "constraint": ("UV_CONSTRAINT", " "), "no-cache-dir": ("UV_NO_CACHE", ""),
    "trusted-host": ("UV_INSECURE_HOST", " "), "proxy": ("ALL_PROXY", ""), "cert": ("SSL_CERT_FILE", ""),
    "client-cert": ("SSL_CLIENT_CERT", ""),
}  # fmt: skip
#: Its options that change nothing of what is installed.
OF_NO_MATTER = {
    "cache-dir", "config-file", "default-timeout", "disable-pip-version-check", "log", "no-color", "no-compile",
    "no-input", "no-warn-script-location", "prefer-binary", "progress-bar", "quiet", "require-virtualenv", "retries",
    "root-user-action", "timeout", "verbose",
}  # fmt: skip
#: As pip does: the best version of all indexes. The Python is the one that is named, and nothing else configures uv.
LIKE_PIP = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}

Command = tuple[list[str], dict[str, str]]


def commands(
    python: Path, arguments: Sequence[str], *, for_uv: Sequence[str] = (), for_pip: Sequence[str] = ()
) -> Iterator[Command]:
    """How `arguments` are installed for `python`: commands with their environments, the next where one has failed."""
    settings = configured()
    if settings and "--require-hashes" in arguments:  # all is pinned, and uv wants a hash of each constraint too
        settings = {name: value for name, value in settings.items() if name != "UV_CONSTRAINT"}
    if (UV / "bin" / "uv").exists() and not (UV / ".unfinished").exists() and settings is not None:
        install = [str(UV / "bin" / "uv"), "pip", "install", "--python", str(python)]
        yield [*install, *for_uv, *arguments], LIKE_PIP | settings | os.environ
    yield [*pip(), "--python", str(python), "install", "--no-compile", *for_pip, *arguments], {**os.environ}


def pip() -> list[str]:
    """The pip of the Python that runs this, or of .local/uv, which is made with one where this Python's is too old."""
    python = sys.executable if has_pip() else str(UV / "bin" / "python")
    return [python, "-m", "pip", "--disable-pip-version-check"]


def has_pip() -> bool:
    """Whether this Python has a pip that installs for others: 22.3 or newer."""
    if importlib.util.find_spec("pip") is None:
        return False
    return tuple(int(part) for part in re.findall(r"\d+", version("pip"))[:2]) >= (22, 3)


@functools.cache
def configured() -> dict[str, str] | None:
    """What uv is to be told on this machine; None: only pip can do what pip is told."""
    asked = subprocess.run([*pip(), "config", "list"], cwd=ROOT, capture_output=True, text=True)
    return told(asked.stdout) if asked.returncode == 0 else None


def told(listed: str) -> dict[str, str] | None:
    """The environment that says to uv what pip's configuration (`pip config list`) says to pip; None: there is none."""
    values: Mapping[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later ones win
        found = re.findall(rf"^{section}\.([\w-]+)=(.*)$", listed, re.MULTILINE)
        values = {**values, **{name: str(ast.literal_eval(value)) for name, value in found}}
    if values.keys() - SAME.keys() - OF_NO_MATTER:
        return None
    return {
        SAME[name][0]: SAME[name][1].join(value.split()) if SAME[name][1] else value
        for name, value in values.items()
        if name in SAME
    }

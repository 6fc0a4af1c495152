"""What a tracked Node.js function gets beside its own files: the library, and locally the AWS SDK.

node_modules/invoke-once/    node/package.json and node/src: no build step
node_modules/@aws-sdk/ …     where Lambda's runtime does not bring it: on the local AWS (npm, by node/package-lock.json)
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from infra.paths import ROOT
from infra.ship import npm, zips

NODE = ROOT / "node"
MODULES = NODE / "node_modules"
#: Of the SDK's packages: what `require` and `import` load; not the types and the sources for bundlers.
UNWANTED = ("dist-es", "dist-types", "src")


def library(prefix: str = "node_modules/invoke-once/") -> dict[str, bytes]:
    """The npm package's files, as a function has them."""
    return zips.tree(NODE / "src", f"{prefix}src/") | {f"{prefix}package.json": (NODE / "package.json").read_bytes()}


def sdk() -> dict[str, bytes]:
    """The AWS SDK for a function's zip. Without npm: nothing, and a line that says so. CalledProcessError."""
    try:
        npm.installed(NODE, "--omit=dev")
    except npm.NpmMissing:
        print("npm is missing: tracked Node.js functions will not find the AWS SDK here", file=sys.stderr)
        return {}
    return dict(_files())


@cache
def _files() -> dict[str, bytes]:
    return {
        f"node_modules/{name}": data
        for name, data in zips.tree(MODULES).items()
        if name.endswith((".js", ".cjs", ".mjs", ".json")) and _wanted(Path(name))
    }


def _wanted(name: Path) -> bool:
    return not {*UNWANTED, ".bin"} & set(name.parts) and name.name != ".package-lock.json"

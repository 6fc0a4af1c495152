"""`make node`: the npm packages and the Lambda layer, from this checkout as it is: there is no build step.

build/node/invoke-once-VERSION.tgz              for `npm install`
build/node/serverless-invoke-once-VERSION.tgz   the plugin for `sls invoke`
build/node/invoke-once-node-layer.zip           nodejs/node_modules/invoke-once; Lambda's runtime brings the AWS SDK
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from infra.paths import BUILD, ROOT
from infra.ship import node, zips

OUT = BUILD / "node"
RUNTIMES = ("nodejs22.x", "nodejs24.x")


class NodeFailed(Exception):
    """npm is missing, or could not pack; the message says why."""


def pack(package: Path, out: Path) -> Path:
    """The package's archive, as npm would publish it."""
    if shutil.which("npm") is None:
        raise NodeFailed("npm is missing: install Node.js 22 or newer")
    out.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--json", "--pack-destination", str(out), str(package)]
    done = subprocess.run(command, cwd=out, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise NodeFailed(f"npm pack failed: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    (made,) = told.values() if isinstance(told, dict) else told
    return out / Path(made["filename"]).name


def layer(out: Path) -> Path:
    """The layer's zip: the same bytes for the same sources."""
    archive = out / "invoke-once-node-layer.zip"
    zips.write(archive, node.library("nodejs/node_modules/invoke-once/"))
    return archive


def build(out: Path = OUT) -> list[Path]:
    return [pack(ROOT / "node", out), pack(ROOT / "node" / "serverless", out), layer(out)]


def main() -> int:
    try:
        made = build()
    except NodeFailed as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    for path in made:
        print(f"{path.stat().st_size / 1024:8.1f} KB  {path.relative_to(ROOT)}")
    print("publish the layer:")
    print("  aws lambda publish-layer-version --layer-name invoke-once-node \\")
    print(f"    --zip-file fileb://{made[-1].relative_to(ROOT)} --compatible-runtimes {' '.join(RUNTIMES)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

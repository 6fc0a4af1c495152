"""`make layer`: the library for functions of other stacks, as a Lambda layer and as a wheel for pip.

    build/layer/invoke-once-layer.zip     python/invoke_once, pynamodb, boto3 and what they need
    build/layer/invoke_once-*.whl         for `pip install 'invoke_once-….whl[lambda]'` into a function's own zip

Both are plain Python, so one serves every runtime from 3.11 and both architectures. The layer brings the boto3 that
the tests ran on (15 MB of it): Lambda's own is another one in each runtime and Region. pip installs the wheel's extra
`lambda`, whatever release of boto3 it finds or is told.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from infra.paths import BUILD, ROOT
from infra.ship import zips
from infra.template.merge import PYTHONS

OUT = BUILD / "layer"
LIBRARIES = ("pynamodb", "boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
RUNTIMES = PYTHONS


class LayerFailed(Exception):
    """The layer or the wheel could not be built; the message says why."""


def layer(out: Path = OUT) -> Path:
    """The layer's zip: the same bytes for the same sources."""
    archive = out / "invoke-once-layer.zip"
    zips.write(archive, files())
    return archive


def files(*, boto3: bool = True) -> dict[str, bytes]:
    """What the layer holds. Without `boto3`: it and what it brings are left to Lambda's runtime."""
    found = zips.library(ROOT / "invoke_once", "python/invoke_once/")
    for library in LIBRARIES if boto3 else LIBRARIES[:1]:
        found |= _installed(library)
    return found


def _installed(library: str) -> dict[str, bytes]:
    """The library's files as they are in this virtualenv, where requirements.txt has pinned them."""
    found = {}
    for file in distribution(library).files or []:
        name = file.as_posix()
        if name.endswith((".so", ".pyd")):
            raise LayerFailed(f"{library} is not plain Python: {name}")
        if not name.startswith("..") and "__pycache__" not in name and not name.endswith(("RECORD", "direct_url.json")):
            found[f"python/{name}"] = Path(str(file.locate())).read_bytes()
    return found


def wheel(out: Path = OUT) -> Path:
    """The wheel, built from this checkout."""
    shutil.rmtree(out / ".wheel", ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet",
               "--disable-pip-version-check", "--wheel-dir", str(out / ".wheel"), str(ROOT)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise LayerFailed(f"pip wheel failed: {(done.stderr or done.stdout).strip()[-500:]}")
    (made,) = (out / ".wheel").glob("invoke_once-*.whl")
    return made.replace(out / made.name)


def main() -> int:
    try:
        made = [layer(), wheel()]
    except LayerFailed as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    for path in made:
        print(f"{path.stat().st_size / 1024:8.1f} KB  {path.relative_to(ROOT)}")
    print("publish the layer:")
    print("  aws lambda publish-layer-version --layer-name invoke-once \\")
    print(f"    --zip-file fileb://{made[0].relative_to(ROOT)} --compatible-runtimes {' '.join(RUNTIMES)}")
    print("what the function needs beside it: once policy FUNCTION --show sam")
    return 0


if __name__ == "__main__":
    sys.exit(main())

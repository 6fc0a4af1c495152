"""docs/reference/licences.md: the libraries that the zips hold, with their licences, from the packages' own metadata.

`python -m infra.ship.licences` writes it.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

from infra import stages
from infra.paths import ROOT
from infra.ship import libraries
from infra.ship.package import RUNTIME_BRINGS

FILE = ROOT / "docs" / "reference" / "licences.md"
#: what the project may ship: free to use, change and pass on, without a duty beyond naming the authors
WELCOME = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0 OR BSD-3-Clause"})
#: words of older metadata, which knew no SPDX
MEANT = {
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # python-dateutil's LICENSE file: both, by contribution
}
HEAD = """# Licences

What a deployment ships beside this project's own code (MIT), as the packages themselves tell it. Chalice's runtime
is copied into the code's zip; the rest is the layer. Libraries marked *runtime* are left out of the layer where the
stage says `bundle_boto3 = false`: Lambda brings them.

| library | version | licence | where |
|---|---|---|---|
"""


def found(python: str = stages.load("prod").python) -> list[tuple[str, str, str]]:
    """(name, version, licence) of each library that is installed for the layer."""
    rows = [_row(PathDistribution(path)) for path in libraries.installed(python).glob("*.dist-info")]
    return sorted(rows)


def _row(distribution: PathDistribution) -> tuple[str, str, str]:
    metadata = distribution.metadata
    given = [metadata[name] for name in ("License-Expression", "License") if name in metadata]
    text = str(given[0]) if given else ""
    return str(metadata["Name"]), distribution.version, MEANT.get(text, text)


def chalice() -> tuple[str, str, str]:
    """The one that is copied into the code's zip."""
    (path,) = (Path(sys.prefix) / "lib").glob("python3*/site-packages/chalice-*.dist-info")
    return _row(PathDistribution(path))


def document() -> str:
    rows = [(*chalice(), "code")]
    for row in found():
        name = re.sub(r"[-_.]+", "_", row[0]).lower()
        rows.append((*row, "runtime" if name in RUNTIME_BRINGS else "layer"))
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> int:
    FILE.write_text(document())
    strange = [name for name, _, licence in [chalice(), *found()] if licence not in WELCOME]
    print(f"licences: {FILE.relative_to(ROOT)}" + (f"; look at {', '.join(strange)}" if strange else ", all welcome"))
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())

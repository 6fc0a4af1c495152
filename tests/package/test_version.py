"""One version, wherever it is told; its changes and the way to it are written down."""

from __future__ import annotations

import json
import tomllib

from app import app
from chalicelib.api.openapi.document import document
from infra.paths import ROOT
from invoke_once.version import __version__


def test_python_node_and_the_interface_have_one_version() -> None:
    told = {
        name: json.loads((ROOT / name / "package.json").read_text())["version"] for name in ("node", "node/serverless")
    }
    told["pyproject"] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    told["openapi"] = document(app, {})["info"]["version"]
    assert set(told.values()) == {__version__}, told


def test_a_version_has_its_changes_and_the_way_to_it() -> None:
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert __version__ in (ROOT / "docs/how-to/upgrade.md").read_text()

"""Which Node.js counts as there, and what node/package.json asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.paths import ROOT
from infra.system_packages import NODE_MAJOR, node_major


def test_the_node_that_is_installed_is_the_one_the_package_declares() -> None:
    declared = json.loads((ROOT / "node" / "package.json").read_text())["engines"]["node"]
    assert declared == f">={NODE_MAJOR}"


@pytest.mark.parametrize(("tells", "major"), [("v22.23.3", 22), ("v20.20.2", 20), ("v9.0.0", 9), ("nonsense", 0)])
def test_a_node_that_is_too_old_is_told_by_its_version(tmp_path: Path, tells: str, major: int) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {tells}\n")
    node.chmod(0o755)
    assert node_major([str(node)]) == major


def test_no_node_is_version_0(tmp_path: Path) -> None:
    assert node_major([str(tmp_path / "node")]) == 0

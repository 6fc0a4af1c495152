"""The tests of node/, run by Node.js itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from infra.paths import ROOT
from infra.system_packages import NODE_MAJOR, node_major

NODE = ROOT / "node"


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None or node_major() < NODE_MAJOR:
        if os.environ.get("CI"):
            pytest.fail(f"Node.js {NODE_MAJOR} or newer is missing")
        pytest.skip(f"Node.js {NODE_MAJOR} or newer is missing")
    return found


def test_all_of_them_pass(node: str) -> None:
    command = [node, "--test", "--test-reporter=tap", "node/test/**/*.test.*js"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    told = {name: int(count) for name, count in re.findall(r"^# (tests|pass|fail|skipped) (\d+)$", done.stdout, re.M)}
    wrong = re.findall(r"^ *not ok .*$", done.stdout, re.M)
    assert (told["fail"], wrong) == (0, []), done.stdout[-3000:]
    assert told["pass"] + told["skipped"] == told["tests"] >= 90

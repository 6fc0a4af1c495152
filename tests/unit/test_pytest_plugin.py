"""`once_bench`, as a user's test suite meets it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

USERS = """
from invoke_once import tracked

@tracked
def handler(event, context):
    return {"rows": event["n"]}

def test_one(once_bench):
    assert once_bench.run(handler, {"n": 1}).output == {"rows": 1}

def test_each_test_has_its_own(once_bench):
    assert not once_bench.runs()
"""


def test_a_users_tests_have_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(USERS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "invoke_once.pytest_plugin", "-p", "no:cacheprovider", "."]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # or it is there twice where this checkout is installed
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_the_entry_point_names_the_module_that_has_it() -> None:
    points = tomllib.loads(Path("pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert list(points.values()) == ["invoke_once.pytest_plugin"]
    assert hasattr(import_module("invoke_once.pytest_plugin"), "once_bench")

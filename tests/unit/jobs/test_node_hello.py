"""Unit: the Node.js sample, run by the `node` of this machine as Lambda would call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[3] / "chalicelib" / "jobs" / "node_hello" / "index.mjs"
CALL = """
const { handler } = await import(process.argv[1]);
console.log = () => {};
try { process.stdout.write(JSON.stringify({ returned: await handler(JSON.parse(process.argv[2])) })); }
catch (error) { process.stdout.write(JSON.stringify({ threw: error.name, message: error.message })); }
"""


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing")
        pytest.skip("node is missing")
    return found


def called(node: str, event: Any) -> dict[str, Any]:
    command = [node, "--input-type=module", "-e", CALL, MODULE.as_uri(), json.dumps(event)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("more", [{}, {"invoke_once": {"run_id": "run_x", "v": 1}}, {"fail": False}])
def test_it_greets_and_never_looks_at_the_reserved_member(node: str, more: dict[str, Any]) -> None:
    assert called(node, {"name": "Ada ü", **more}) == {"returned": {"hello": "Ada ü"}}


def test_it_greets_the_world_when_nobody_is_named(node: str) -> None:
    assert called(node, {}) == called(node, None) == {"returned": {"hello": "world"}}


def test_it_throws_when_asked_to(node: str) -> None:
    answer = called(node, {"name": "Ada", "fail": True})
    assert answer == {"threw": "Error", "message": "asked to fail for Ada"}


@pytest.mark.parametrize(("event", "member"), [({"name": 7}, "`name`"), ({"fail": "no"}, "`fail`")])
def test_it_says_what_is_wrong_with_its_input(node: str, event: dict[str, Any], member: str) -> None:
    answer = called(node, event)
    assert answer["threw"] == "TypeError"
    assert member in answer["message"]

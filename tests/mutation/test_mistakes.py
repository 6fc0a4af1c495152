"""The planter itself: what it finds, that it harms nothing else, and that its list of exceptions is not stale."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.mutation import run
from tests.mutation.__main__ import ROOTS, core
from tests.mutation.mistakes import mistakes
from tests.mutation.quick import planted

SOURCE = '''"""Words."""
LIMIT = 3

def near(value: int, *, most: int = LIMIT) -> bool:
    """More words."""
    if value < most and value:
        print("a message of words", flush=True)
    return min(value, 2) == 2
'''


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.py"
    path.write_text(SOURCE)
    return path


def test_each_kind_of_mistake_is_found_once_and_words_are_left_alone(file: Path) -> None:
    found = {(one.where, one.was, one.now) for one in mistakes(file)}
    assert found == {
        ("some", "3", "4"),
        ("some.near", "value < most and value", "(value < most or value)"),
        ("some.near", "value < most and value", "not (value < most and value)"),
        ("some.near", "value < most", "(value <= most)"),
        ("some.near", 'print("a message of words", flush=True)', "pass"),
        ("some.near", 'print("a message of words", flush=True)', "(print('a message of words'))"),
        ("some.near", "True", "False"),
        ("some.near", "min(value, 2) == 2", "None"),
        ("some.near", "min(value, 2) == 2", "(min(value, 2) != 2)"),
        ("some.near", "min", "max"),
        ("some.near", "2", "3"),
    }


def test_every_mistake_in_the_core_is_still_python() -> None:
    files = core([ROOT / root for root in ROOTS])
    assert len(files) > 30
    for file in files:
        for one in mistakes(file)[::60]:
            ast.parse(one.planted())
            assert one.was != one.now


def test_what_is_listed_as_equivalent_still_stands_there_and_has_a_reason() -> None:
    there = {run.name(one) for file in core([ROOT / root for root in ROOTS]) for one in mistakes(file)}
    listed = run.equivalent()
    assert set(listed) <= there, f"gone from the code: {set(listed) - there}"
    assert all(len(why) > 20 for why in listed.values())


PLANT = """
import sys
from pathlib import Path
from tests.mutation.touched import Planted
path = Path("invoke_once/signing.py")
sys.meta_path.insert(0, Planted("invoke_once.signing", path, path.read_text() + "\\nplanted = True"))
import invoke_once.signing
print(invoke_once.signing.planted, callable(invoke_once.signing.verify))
"""


def test_a_planted_text_is_what_everybody_imports() -> None:
    done = subprocess.run([sys.executable, "-c", PLANT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_a_function_that_lives_gets_the_code_it_would_have_had(file: Path) -> None:
    spec = importlib.util.spec_from_file_location("some", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for one in mistakes(file):
        near = module.near.__code__
        if (one.was, one.now) == ("min", "max"):
            assert module.near(1) is False
            assert planted(one) and module.near(1) is True
        if one.now == "None":
            assert planted(one) and module.near(1) is None
        if one.where == "some":  # nothing of it is in a function
            assert not planted(one)
        module.near.__code__ = near


def test_under_pytest_too_a_mistake_is_planted_and_noticed() -> None:
    asked = [
        "--seed",
        "1",
        "--most",
        "2",
        "--processes",
        "1",
        "invoke_once/locator.py",
        "--tests",
        "tests/unit/test_locator.py",
    ]
    done = subprocess.run([sys.executable, "-m", "tests.mutation", *asked], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1].startswith("100.0 % of 2 mistakes noticed"), done.stdout + done.stderr

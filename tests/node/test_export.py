"""What Node.js has of Python's state machine is what Python has, and a change of either is noticed."""

from __future__ import annotations

import re

import pytest

from infra.node import export, vectors
from infra.node.trace import Given, Sym, plain, ways


@pytest.mark.parametrize(("path", "text"), [(export.OUT, export.module), (export.VECTORS, vectors.text)])
def test_the_files_are_what_is_exported(path, text) -> None:  # type: ignore[no-untyped-def]
    assert path.read_text() == text(), "python -m infra.node.export"


def test_every_move_of_an_attempt_has_vectors() -> None:
    moves = re.findall(r'"move": "(\w+)"', vectors.text())
    assert set(moves) == set(export.MOVES)
    assert all(moves.count(name) >= 40 for name in export.MOVES)


def test_each_way_through_a_function_is_found_once() -> None:
    head = Given("head", frozenset({"due_at"}))

    def function() -> object:
        if head.due_at is not None and head.due_at < head.now_ms + 5:
            return head.due_at
        return "later" if head.attempt else "never"

    found = [([answer for _, answer in taken], plain(result)) for taken, result in ways(function)]
    assert found == [
        ([True, True], "later"),
        ([True, False], "never"),
        ([False, True], {"$": "head.due_at"}),
        ([False, False, True], "later"),
        ([False, False, False], "never"),
    ]


def test_arithmetic_is_written_down() -> None:
    assert plain((Sym({"$": "now"}) + 5) // 1000 - 1) == {"-": [{"//": [{"+": [{"$": "now"}, 5]}, 1000]}, 1]}

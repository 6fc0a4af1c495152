"""What the service's moves ask and write is what is written down of it, and nothing is left out."""

from __future__ import annotations

import json

from invoke_once.life.move import LETTERS
from invoke_once.life.moves.batch_moves import BATCH_LETTERS
from invoke_once.life.moves.bulk_moves import BULK_LETTERS
from tests.unit.life import written

#: Of attempts: node/test/life/vectors.json has them.
OF_ATTEMPTS = set("BEGHIJUW")


def test_each_move_writes_what_is_written_down() -> None:
    there = [json.loads(line) for line in written.FILE.read_text().splitlines()]
    for kept, now in zip(there, map(json.loads, written.text().splitlines()), strict=True):
        assert kept == now, "python -m tests.unit.life.written, if that is meant"


def test_no_move_of_the_service_is_left_out() -> None:
    letters = {json.loads(line)["letter"] for line in written.FILE.read_text().splitlines()}
    assert letters == {*LETTERS, *BATCH_LETTERS, *BULK_LETTERS} - OF_ATTEMPTS

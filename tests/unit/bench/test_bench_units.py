"""The model of write units, by cases worked out by hand from DynamoDB's documentation."""

from __future__ import annotations

import pytest

from bench.units import item_bytes, number_bytes, read_units, write_units

INDEXES = {"due": ("due_shard", "due_at")}
HEAD = {"run_id": {"S": "r"}, "part": {"S": "head"}}
ARMED = {**HEAD, "due_shard": {"S": "due#1"}, "due_at": {"N": "10"}}


@pytest.mark.parametrize(
    ("text", "size"), [("0", 1), ("7", 2), ("42", 2), ("1800000000000", 2), ("1234567890123", 8), ("-12", 3)]
)
def test_a_number_takes_a_byte_for_two_digits_and_one_more(text: str, size: int) -> None:
    assert number_bytes(text) == size


def test_an_item_is_its_names_and_its_values() -> None:
    item = {"name": {"S": "é"}, "ok": {"BOOL": True}, "raw": {"B": "AAEC"}, "list": {"L": [{"S": "ab"}]}}
    assert item_bytes(item) == (4 + 2) + (2 + 1) + (3 + 3) + (4 + 3 + 1 + 2)


def test_a_write_costs_the_larger_of_what_was_and_what_is() -> None:
    large = {**HEAD, "output": {"S": "x" * 1500}}
    assert write_units(large, HEAD, INDEXES) == {"table": 2}
    assert write_units(HEAD, large, INDEXES) == {"table": 2}


def test_an_index_entry_costs_when_it_appears_goes_or_moves() -> None:
    moved = {**ARMED, "due_at": {"N": "11"}}
    assert write_units(None, ARMED, INDEXES) == {"table": 1, "due": 1}
    assert write_units(ARMED, HEAD, INDEXES) == {"table": 1, "due": 1}
    assert write_units(ARMED, moved, INDEXES) == {"table": 1, "due": 2}


def test_an_index_of_keys_costs_nothing_while_the_keys_stay() -> None:
    assert write_units(ARMED, {**ARMED, "status": {"S": "running"}}, INDEXES) == {"table": 1}


def test_a_read_costs_by_four_kilobytes_and_half_of_that_eventually() -> None:
    large = {**HEAD, "output": {"S": "x" * 5000}}
    assert (read_units(HEAD, consistent=True), read_units(HEAD, consistent=False)) == (1, 0.5)
    assert read_units(large, consistent=True) == 2

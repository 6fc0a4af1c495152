"""Where a payload is kept, at the very byte where that changes."""

from __future__ import annotations

import bisect
import random

import pytest

from invoke_once.store import payloads
from invoke_once.store.payloads import HEAD_ROOM_BYTES, MAX_INLINE_TEXT, MAX_INPUT_BYTES, MAX_ITEM_BYTES, Payloads
from invoke_once.store.store import Store
from invoke_once.testing import MemoryObjects, MemoryTable

LETTERS = bytes(48 + byte % 44 for byte in range(256))
KEPT = Payloads(Store(MemoryTable()), MemoryObjects())


def noise(size: int) -> bytes:
    """JSON text of so many bytes that no compression shortens much. A longer one begins as a shorter one does."""
    return b'"%s"' % random.Random(1).randbytes(size - 2).translate(LETTERS)


def place(text: bytes, head_size: int = 300) -> str:
    found = KEPT.keep_input("echo", "run_x", text, head_size, 9_999_999_999)
    assert found["input_size"] == len(text)
    return "head" if "input" in found else str(found["input_ref"]).partition(":")[0]


def test_an_input_is_in_the_head_to_the_last_byte_that_leaves_room_for_the_claim() -> None:
    assert place(noise(500), HEAD_ROOM_BYTES - 501) == "head"  # one byte says that it is plain
    assert place(noise(500), HEAD_ROOM_BYTES - 500) == "item"
    assert place(b"1", HEAD_ROOM_BYTES + 200) == "item", "a head over its room takes nothing more"


def test_an_input_is_an_item_to_eight_kilobytes_packed_and_then_an_object() -> None:
    last = bisect.bisect_right(range(20_000), MAX_ITEM_BYTES, key=lambda size: len(payloads.pack(noise(size + 2)))) + 1
    assert MAX_ITEM_BYTES - 2 <= len(payloads.pack(noise(last))) <= MAX_ITEM_BYTES < len(payloads.pack(noise(last + 1)))
    assert place(noise(last)) == "item"
    assert place(noise(last + 1)) == "s3"


@pytest.mark.parametrize(("size", "expected"), [(MAX_INLINE_TEXT, "item"), (MAX_INLINE_TEXT + 1, "s3")])
def test_what_is_long_unpacked_is_an_object_however_short_it_is_packed(size: int, expected: str) -> None:
    assert place(b'"%s"' % (b"a" * (size - 2)), HEAD_ROOM_BYTES) == expected


def test_an_input_of_the_limit_is_kept_and_one_byte_more_is_not() -> None:
    assert place(noise(MAX_INPUT_BYTES)) == "s3"
    with pytest.raises(payloads.PayloadTooLarge):
        place(noise(MAX_INPUT_BYTES + 1))


@pytest.mark.parametrize(
    ("value", "size"), [("é", 2), (b"ab", 2), (True, 1), (None, 1), (7, 2), (1234, 3), (-5, 2), (0.125, 3)]
)
def test_an_item_is_as_large_as_its_names_and_values(value: object, size: int) -> None:
    assert payloads.item_size({"née": value}) == 4 + size


def test_text_is_compressed_over_a_kilobyte_and_where_that_makes_it_shorter() -> None:
    repeated = b"a" * payloads.COMPRESS_OVER_BYTES
    assert payloads.pack(repeated) == b"\x00" + repeated
    assert payloads.pack(repeated + b"a")[:1] == b"\x01"
    for text in (repeated, repeated + b"a", noise(5_000)):
        assert payloads.unpack(payloads.pack(text)) == text

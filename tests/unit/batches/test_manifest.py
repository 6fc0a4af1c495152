"""What a batch's items are kept as."""

from __future__ import annotations

import pytest

from chalicelib.batches.manifest import Item, Lost, Manifest, pack
from invoke_once.errors import PayloadCorrupt


def test_items_are_kept_as_these_bytes_and_read_from_them() -> None:
    kept = [Item(b'{"i": 0}'), Item('"ü"'.encode(), "schlüssel", {"a": "1"}), Item(b"null", labels={})]
    data = '56\n[[8,null,null],[4,"schlüssel",{"a":"1"}],[4,null,null]]{"i": 0}"ü"null'.encode()
    assert pack(kept) == data
    read = Manifest(data)
    assert (len(read), read[0], read[1], read[2]) == (3, kept[0], kept[1], Item(b"null"))
    for junk in (b"", b"x\n[]", b"3\n[1]", b"4\n[[]]", b"2\n[1]"):
        with pytest.raises(PayloadCorrupt, match="the batch's items cannot be read"):
            Manifest(junk)
    lost = Lost()
    assert (len(lost), lost[7]) == (0, Item(b"null"))

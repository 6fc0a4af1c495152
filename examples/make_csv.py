#!/usr/bin/env python3
"""Write a CSV of about any size, the same for the same arguments: something for `report` to read.

    python examples/make_csv.py --mb 20 > orders.csv
    python examples/make_csv.py --mb 0.1 --seed 7 --delimiter ';' --out small.csv

Ten columns with what real exports hold: numbers, dates, empty cells, words in several scripts, quoted cells
with commas, quotes and line ends in them.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import io
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

HEADER = ["id", "quantity", "price", "discount", "ordered_on", "shipped_at", "paid", "country"]
HEADER += ["customer", "note"]
COUNTRIES = ("DE", "FR", "JP", "BR", "NA", "US", "IN", "SE")
CUSTOMERS = (
    "Ada Lovelace",
    "Zoë Ångström",
    "山田太郎",
    "Łukasz Żak",
    "Мария",
    "O'Neil",
    "Renée",
    "😀 Smiley",
)
NOTES = (
    "",
    "call back",
    'said "no, thanks"',
    "first line\nsecond line",
    "a; b | c",
    "  padded  ",
    "naïve, café",
)
FIRST_DAY = dt.date(2020, 1, 1)
BLOCK_ROWS = 500


def rows(seed: int) -> Iterator[list[str]]:
    """Endless rows, the same for the same seed."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        day = FIRST_DAY + dt.timedelta(days=chance.randrange(1500))
        second = chance.randrange(86_400)
        yield [
            str(number),
            str(chance.randrange(1, 50)),
            f"{chance.random() * 1000:.2f}",
            f"{chance.random():.3f}" if chance.random() < 0.3 else "",
            day.isoformat(),
            f"{day}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z" if second % 10 else "",
            "true" if second % 3 else "false",
            COUNTRIES[second % len(COUNTRIES)],
            f"{CUSTOMERS[second % len(CUSTOMERS)]} {chance.randrange(5000)}",
            NOTES[chance.randrange(len(NOTES))],
        ]


def write_csv(out: TextIO, size_bytes: int, seed: int = 1, delimiter: str = ",") -> int:
    """Write whole rows, in blocks, until there are at least `size_bytes` of UTF-8; return how many rows."""
    written = count = 0
    block = io.StringIO()
    writer = csv.writer(block, delimiter=delimiter, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows(seed):
        writer.writerow(row)
        count += 1
        if count % BLOCK_ROWS == 0 or written + block.tell() >= size_bytes:
            text = block.getvalue()
            written += len(text.encode())
            out.write(text)
            block.seek(0)
            block.truncate()
            if written >= size_bytes:
                break
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a deterministic CSV of about any size.")
    parser.add_argument("--mb", type=float, default=1.0, help="how large, in millions of bytes (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other rows (default 1)")
    parser.add_argument("--delimiter", default=",", help="between cells (default a comma)")
    parser.add_argument("--out", type=Path, help="the file to write (default: standard output)")
    given = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    with given.out.open("w", encoding="utf-8", newline="") if given.out else sys.stdout as out:
        count = write_csv(out, int(given.mb * 1e6), given.seed, given.delimiter)
    print(f"{count} rows", file=sys.stderr)


if __name__ == "__main__":
    main()

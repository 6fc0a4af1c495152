"""From bytes to lines of text: which encoding, which delimiter."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter

from chalicelib.jobs.csv_profile.source import Source

BUFFER_BYTES = 256 << 10
SAMPLE_BYTES = 64 << 10
SAMPLE_ROWS = 200
DELIMITERS = ",;\t|"
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def open_lines(source: Source, encoding: str | None, delimiter: str | None) -> tuple[io.TextIOWrapper, str]:
    """The source as text whose line ends are kept, and the delimiter of its cells.

    Decoding is incremental: a character cut by the end of a buffer is whole again in the next.
    """
    buffered = io.BufferedReader(source, BUFFER_BYTES)
    sample = buffered.peek()
    encoding = encoding or marked_encoding(sample)
    try:
        lines = io.TextIOWrapper(buffered, encoding=encoding, newline="")
    except LookupError as error:
        raise ValueError(f"`encoding` {encoding[:40]!r} is not the name of a text encoding") from error
    return lines, delimiter or sniff(sample.decode(encoding, errors="ignore")[:SAMPLE_BYTES])


def marked_encoding(start: bytes) -> str:
    """What the byte order mark says; UTF-8 without one."""
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8")


def sniff(sample: str) -> str:
    """The delimiter that cuts the sample's rows most evenly; a comma where none cuts anything."""
    return max(DELIMITERS, key=lambda delimiter: _evenness(sample, delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[bool, float, int]:
    """How good it looks: is the header as wide as most rows are, how many are, how wide that is.

    The header decides before the rows do: `a;b` over `1,5;2,5` has two columns, whatever the decimal commas
    say.
    """
    lines = list(io.StringIO(sample, newline=""))
    if len(sample) >= SAMPLE_BYTES:
        lines.pop()  # cut in the middle
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    widths = [len(row) for _, row in zip(range(SAMPLE_ROWS), reader, strict=False) if row]
    if not widths:
        return False, 0.0, 0
    usual, rows = Counter(widths).most_common(1)[0]
    if usual < 2:
        return False, 0.0, 0
    return widths[0] == usual, rows / len(widths), usual

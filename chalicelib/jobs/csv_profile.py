"""Profile a CSV in one pass and bounded memory: its rows, and each column's type, nulls and range.

Cells are taken a batch at a time (some 256 KB of input), so that one pass of C code over a list does most of the work.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any

BATCH_BYTES = 256 << 10
LONGEST_LINE, LONGEST_CELL, LONGEST_SHOWN = 4 << 20, 1 << 20, 100
MOST_COLUMNS = 16_384
DELIMITERS = ",;\t|"
#: Different cells of a column that are counted to the last; of a file with more than ten columns, the share of each.
MOST_EXACT, SHARED_EXACT = 64_000, 640_000
HASHES = 1 << 64
ABSENT = frozenset({"", "NULL", "null", "Null", "\\N", "N/A", "n/a", "#N/A", "NaN", "nan"})


class Source(io.RawIOBase):
    """A raw stream over `read(n)`: `size` bytes in all, of which `position` were read."""

    def __init__(self, read: Callable[[int], bytes], size: int) -> None:
        self._read, self.size, self.position = read, size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer) and (chunk := self._read(len(buffer) - filled)):
            buffer[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        self.position += filled
        return filled


def profile(
    source: Source, encoding: str | None = None, delimiter: str | None = None, tell: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """`{"rows": n, "columns": […]}`, and `"ragged_rows": n` where rows were not as wide as the header.

    `tell(rows)` is called after each batch; what it raises ends the work. ValueError for what is not a CSV.
    """
    every_row = rows_of(lines_of(source, encoding), delimiter)
    header = next(every_row, [])
    if len(header) > MOST_COLUMNS:
        raise ValueError(f"the CSV has {len(header)} columns, more than the {MOST_COLUMNS} that fit")
    exact = min(MOST_EXACT, SHARED_EXACT // max(len(header), 1))
    columns = [Column(name, exact) for name in names(header)]
    rows = ragged = 0
    for batch in batches(every_row, source):
        rows += len(batch)
        ragged += sum(len(row) != len(header) for row in batch)
        even = (row[: len(header)] + [""] * (len(header) - len(row)) for row in batch)
        for column, cells in zip(columns, zip(*even, strict=True), strict=True):
            column.add(cells)
        if tell:
            tell(rows)
    more = {"ragged_rows": ragged} if ragged else {}
    return {"rows": rows, **more, "columns": [column.profile() for column in columns]}


def lines_of(source: Source, encoding: str | None) -> Iterator[str]:
    """Lines with their ends. Without an `encoding`: UTF-16 where a mark says so, else UTF-8."""
    buffered = io.BufferedReader(source, BATCH_BYTES)
    if not encoding:
        marked = buffered.peek().startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if marked else "utf-8-sig"
    try:
        text = io.TextIOWrapper(buffered, encoding=encoding, newline="")
    except LookupError as error:
        raise ValueError(f"`encoding` {encoding[:40]!r} is not the name of a text encoding") from error
    for number in count(1):
        try:
            line = text.readline(LONGEST_LINE)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"the CSV is not {error.encoding.upper()}: byte 0x{error.object[error.start]:02x} in or after "
                f"line {number}; name its `encoding`, cp1252 for example"
            ) from error
        if len(line) == LONGEST_LINE:
            raise ValueError(f"line {number} is longer than {LONGEST_LINE >> 20} million characters: is this a CSV?")
        if not line:
            return
        yield line


def rows_of(lines: Iterator[str], delimiter: str | None) -> Iterator[list[str]]:
    """Rows that are not blank, the header first. Its line tells the delimiter, if none is given."""
    first = next((line for line in lines if line.strip("\r\n")), "")
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    csv.field_size_limit(LONGEST_CELL)
    # a space before a quote would make the quote part of the cell; before a tab it may be a whole cell
    reader = csv.reader(chain([first], lines), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of the CSV cannot be read: {error}; is a quote left open?") from error


def batches(rows: Iterable[list[str]], source: Source) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    full_at = source.position + BATCH_BYTES
    for row in rows:
        batch.append(row)
        if source.position >= full_at:
            yield batch
            batch, full_at = [], source.position + BATCH_BYTES
    if batch:
        yield batch


def names(header: Sequence[str]) -> list[str]:
    """Names, each another: `column_2` for a second column without one, `a_2` for a second `a`."""
    taken: dict[str, None] = {}
    seen = Counter[str]()
    for position, given in enumerate(header, start=1):
        name = base = given.strip() or f"column_{position}"
        while name in taken:
            seen[base] += 1
            name = f"{base}_{seen[base] + 1}"
        taken[name] = None
    return list(taken)


def moment(cell: str) -> dt.datetime:
    """A date as its midnight; a time without a zone as UTC."""
    at = dt.datetime.fromisoformat(cell)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


#: How the cells of each type are written, a line each, and what reads one. Narrower than `int` and `float`: 007 is a
#: code, 1_000 a word, and numbers end at 1e300, so that sums stay finite.
TYPES: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "integer": (re.compile(r"([+-]?(0|[1-9]\d{0,37})\n)+", re.ASCII), int),
    "number": (
        re.compile(r"([+-]?((0|[1-9]\d{0,299})(\.\d*)?|\.\d+)([eE]([+]?[012]?\d?\d|-\d+))?\n)+", re.ASCII),
        float,
    ),
    "boolean": (re.compile(r"((true|false|yes|no)\n)+", re.IGNORECASE), lambda cell: cell.lower() in ("true", "yes")),
    "date": (re.compile(r"(\d{4}-\d\d-\d\d\n)+", re.ASCII), moment),
    "datetime": (
        re.compile(r"(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?\n)+", re.ASCII),
        moment,
    ),
}
WIDER = {
    "empty": ("integer", "number", "boolean", "date", "datetime"),
    "integer": ("integer", "number"),
    "date": ("date", "datetime"),
}


class Column:
    def __init__(self, name: str, exact: int) -> None:
        self._name, self._type, self._nulls, self._present = name, "empty", 0, 0
        self._sum: float = 0
        self._distinct = Distinct(exact)
        self._values, self._texts = list[Any](), list[str]()  # the least and the greatest so far

    def add(self, given: Sequence[str]) -> None:
        cells = [cell for cell in map(str.strip, given) if cell not in ABSENT]
        self._nulls += len(given) - len(cells)
        self._present += len(cells)
        if different := set(cells):
            self._distinct.add(different)
            self._texts = extremes([*self._texts, *different])
            self._read(cells, different)

    def _read(self, cells: list[str], different: set[str]) -> None:
        """Take the cells' values in the narrowest type that holds them and what was there before."""
        written = "\n".join(different) + "\n"
        for name in WIDER.get(self._type, (self._type,)):
            form, reader = TYPES.get(name, (None, None))
            if form is None or reader is None or not form.fullmatch(written):
                continue
            try:
                values = {cell: reader(cell) for cell in different}
            except ValueError:  # the 30th of February
                continue
            self._type, self._values = name, extremes([*self._values, *values.values()])
            if name == "integer":
                self._sum += sum(map(values.__getitem__, cells))
            elif name == "number":
                self._sum = math.fsum([self._sum, *map(values.__getitem__, cells)])
            return
        self._type = "text"

    def profile(self) -> dict[str, Any]:
        """`{"name", "type", "nulls", "distinct", "min", "max", "mean"}` as JSON; None for no such value."""
        low, high = (self._texts if self._type == "text" else self._values) or (None, None)
        numeric = self._type in ("integer", "number")
        estimate = {"distinct_is_estimate": True} if self._distinct.is_estimate else {}
        return {
            "name": self._name,
            "type": self._type,
            "nulls": self._nulls,
            "distinct": min(self._distinct.count, self._present),
            **estimate,
            "min": self._shown(low),
            "max": self._shown(high),
            "mean": self._sum / self._present if numeric else None,
        }

    def _shown(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
        if isinstance(value, dt.datetime):
            return (value.date() if self._type == "date" else value).isoformat()
        return float(value) if self._type == "number" else value


def extremes(values: Sequence[Any]) -> list[Any]:
    return [min(values), max(values)]


class Distinct:
    """How many different cells there are, as they are written: counted up to `exact` of them, then estimated.

    Adaptive sampling: of evenly spread hashes those below a bound are kept, and the bound is halved whenever there are
    too many. Its standard error is about 1.2 / sqrt(exact): half a percent for 64 000.
    """

    def __init__(self, exact: int) -> None:
        self._exact, self._bound, self._kept = exact, HASHES, set[int]()

    @property
    def is_estimate(self) -> bool:
        return self._bound < HASHES

    @property
    def count(self) -> int:
        return len(self._kept) * (HASHES // self._bound)

    def add(self, cells: Iterable[str]) -> None:
        self._kept.update(one for one in map(hashed, cells) if one < self._bound)
        while len(self._kept) > self._exact:
            self._bound //= 2
            self._kept = {one for one in self._kept if one < self._bound}


def hashed(cell: str) -> int:
    """64 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(cell.encode("utf-8", "surrogatepass"), digest_size=8).digest())

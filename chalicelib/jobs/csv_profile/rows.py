"""From lines of text to batches of rows that are all as wide as the header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from chalicelib.jobs.csv_profile.reading import BUFFER_BYTES
from chalicelib.jobs.csv_profile.source import Source

LONGEST_CELL = 1 << 20
MOST_COLUMNS = 16_384
Row = list[str]


class Rows:
    """The rows of a CSV: `header`, then `batches()`; `ragged` counts rows not as wide as the header.

    A short row is filled with empty cells, what a long row has beyond the header is dropped, a blank line is
    no row.
    """

    def __init__(self, source: Source, lines: io.TextIOWrapper, delimiter: str) -> None:
        csv.field_size_limit(LONGEST_CELL)
        self._source, self.ragged, self.count = source, 0, 0
        # a space before a quote would make the quote part of the cell; before a tab it may be a whole cell
        self._reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
        header = next(self._raw_rows(), [])
        if len(header) > MOST_COLUMNS:
            raise ValueError(f"the CSV has {len(header)} columns, more than the {MOST_COLUMNS} that fit")
        self.header = names(header)

    def batches(self) -> Iterator[list[Row]]:
        """Lists of rows that hold about as much as one buffer does, whether the rows are short or long."""
        batch: list[Row] = []
        full_at, source = self._source.position + BUFFER_BYTES, self._source
        for row in self._raw_rows():
            batch.append(row)
            if source.position >= full_at:
                yield self._even(batch)
                batch, full_at = [], source.position + BUFFER_BYTES
        if batch:
            yield self._even(batch)

    def _even(self, batch: list[Row]) -> list[Row]:
        self.count += len(batch)
        width = len(self.header)
        if set(map(len, batch)) == {width}:
            return batch
        self.ragged += sum(len(row) != width for row in batch)
        return [row[:width] + [""] * (width - len(row)) for row in batch]

    def _raw_rows(self) -> Iterator[Row]:
        """The reader's rows without blank lines; what it cannot read as one sentence that says where."""
        try:
            yield from filter(None, self._reader)
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise ValueError(
                f"the CSV is not {error.encoding.upper()}: byte 0x{byte:02x} after line "
                f"{self._reader.line_num}; name its `encoding`, cp1252 for example"
            ) from error
        except csv.Error as error:
            raise ValueError(
                f"line {self._reader.line_num} of the CSV cannot be read: {error}; is a quote left open?"
            ) from error


def names(header: Sequence[str]) -> list[str]:
    """Names, each another: `column_2` for a second column without one, `a_2` for a second `a`."""
    given = [name.strip() for name in header]
    reserved, again = set(given), Counter[str]()
    taken: dict[str, None] = {}
    for position, name in enumerate(given, start=1):
        unused = base = name or f"column_{position}"
        while unused in taken or (unused != base and unused in reserved):
            again[base] += 1
            unused = f"{base}_{again[base] + 1}"
        taken[unused] = None
    return list(taken)

"""The whole of it: a source in, the profile out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.jobs.csv_profile.column import Column
from chalicelib.jobs.csv_profile.distinct import Memory
from chalicelib.jobs.csv_profile.reading import open_lines
from chalicelib.jobs.csv_profile.rows import Rows
from chalicelib.jobs.csv_profile.source import Source


def profile(
    source: Source,
    encoding: str | None = None,
    delimiter: str | None = None,
    tell: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """`{"rows": n, "columns": […]}`, and `"ragged_rows": n` where some rows were not as wide as the header.

    `tell(rows)` is called after each batch; what it raises ends the work. ValueError for what is not a CSV.
    """
    lines, delimiter = open_lines(source, encoding, delimiter)
    rows = Rows(source, lines, delimiter)
    memory = Memory(max(len(rows.header), 1))
    columns = [Column(name, memory) for name in rows.header]
    for batch in rows.batches():
        for column, cells in zip(columns, zip(*batch, strict=True), strict=True):
            column.add(cells)
        if tell:
            tell(rows.count)
    ragged = {"ragged_rows": rows.ragged} if rows.ragged else {}
    return {"rows": rows.count, **ragged, "columns": [column.profile() for column in columns]}

"""What a command writes: results on stdout, everything else on stderr.

Text that comes from a run (messages, log lines, outputs) cannot drive somebody's terminal or stand for a line of ours:
control characters, separators of lines and what turns the direction of text are replaced, and escaped in JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

#: C0 but tab and newline, DEL and C1; direction marks, embeddings, overrides and isolates; separators of lines;
#: invisible operators and annotations; language tags; halves of a character.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def clean(text: object) -> str:
    """Text that is safe on a terminal; tabs and newlines stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text).replace("\r\n", "\n"))


def indented(text: object, width: int) -> str:
    """The same, with every line but the first set in: none of them can pass for a line of its own."""
    return clean(text).rstrip("\n").replace("\n", "\n" + " " * width)


def one_line(text: object) -> str:
    """The same, on one line."""
    return " ".join(clean(text).split())


def out(text: str) -> None:
    """One line of the result."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """One line for the person who looks on; nothing where stderr cannot be written."""
    try:
        _write(sys.stderr, text)
    except (OSError, ValueError):
        swallow(sys.stderr)


def swallow(stream: TextIO) -> None:
    """What is left in the buffer cannot be written: let the interpreter's last flush go nowhere, quietly."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json_out(value: Any) -> None:
    """A value as JSON, indented."""
    out(to_json(value, sys.stdout))


def to_json(value: Any, stream: TextIO) -> str:
    """Indented JSON that the stream can carry: escaped to ASCII where its encoding needs that."""
    text = escaped(json.dumps(value, indent=2, ensure_ascii=False))
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)
    return text


def escaped(text: str) -> str:
    """JSON text with what is harmful on a terminal as \\u escapes: still JSON, and of the same value."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under a heading on a terminal; tab-separated lines without one in a pipe."""
    texts = [[one_line("" if cell is None else cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in texts:
            out("\t".join(row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    first = Column(columns[0], no_wrap=True, min_width=max((len(row[0]) for row in texts), default=0))
    view = Table(first, *columns[1:], box=box.SIMPLE_HEAD, pad_edge=False)  # an id is there to be copied whole
    for row in texts:
        view.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(file=sys.stdout).print(view)


def fitted(columns: Sequence[str], rows: Iterable[Sequence[object]], cut: tuple[str, str]) -> None:
    """A table that never passes the terminal's width: the two columns `cut` share what the others leave.

    The others are whole: an id is there to be copied.
    """
    from shutil import get_terminal_size

    from rich.cells import cell_len, set_cell_size
    from rich.console import Console
    from rich.text import Text

    texts = [list(columns), *([one_line("" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[n]) for row in texts) for n in range(len(columns))]
    width = get_terminal_size().columns
    gap = 2 if width >= _ROOMY else 1
    first, last = (columns.index(name) for name in cut)
    room = width - sum(w for n, w in enumerate(widths) if n not in (first, last)) - gap * (len(columns) - 1)
    widths[first] = min(widths[first], max(room // 3, _NARROWEST))
    widths[last] = max(min(widths[last], room - widths[first]), 0)

    def cell(text: str, size: int) -> str:
        whole = cell_len(text) <= size
        return set_cell_size(text if whole else set_cell_size(text, max(size - 1, 0)) + "…"[:size], size)

    console = Console(file=sys.stdout, highlight=False, markup=False)
    for number, row in enumerate(texts):
        line = Text(no_wrap=True)
        for text, size in zip(row, widths, strict=True):
            line.append(cell(text, size), style="bold" if number == 0 else _STYLES.get(text, ""))
            line.append(" " * gap)
        line.rstrip()
        console.print(line, soft_wrap=True)


_ROOMY, _NARROWEST = 90, 4
_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "running": "cyan",
}


def _write(stream: TextIO, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()

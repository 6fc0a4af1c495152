"""What a column can hold: how each kind is written, and which wider kind takes what one cannot.

    integer ─▶ number ─▶ text      boolean ─▶ text      date ─▶ datetime ─▶ text

A reader takes the cells of a batch at once, trimmed and none of them empty, and returns their values, or
raises ValueError if one of them is not written as its kind is. Being strict is the point: what Python's own
`int` and `float` would also take (`1_000`, `nan`, other scripts' digits) stays text, and so does `007`, which
is a code: as a number it would lose its zeros and gain a mean.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any

MOST_INTEGER = 10**38
LEADING_ZERO = re.compile(r"^[+-]?0\d", re.MULTILINE)
DATES = re.compile(r"(?:\d{4}-\d\d-\d\d\n)+", re.ASCII)
DATETIMES = re.compile(
    r"(?:\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)? ?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?)?\n)+",
    re.ASCII,
)
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


class Kind(StrEnum):
    """A column's type, as the profile names it."""

    EMPTY = "empty"  # no cell had a value
    INTEGER = "integer"
    NUMBER = "number"  # a double, written with a point or an exponent, or an integer of more than 38 digits
    BOOLEAN = "boolean"  # true, false, yes, no, in any case
    DATE = "date"  # 2024-02-29
    DATETIME = "datetime"  # 2024-02-29 12:00, 2024-02-29T12:00:00.5Z; without a zone it counts as UTC
    TEXT = "text"


WIDER = {Kind.INTEGER: Kind.NUMBER, Kind.DATE: Kind.DATETIME}
FIRST_TRIED = (Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME)


def integers(cells: Collection[str]) -> list[int]:
    _refuse_liberties("\n".join(cells))
    values = list(map(int, cells))
    if max(values) >= MOST_INTEGER or min(values) <= -MOST_INTEGER:
        raise ValueError("an integer of more than 38 digits")
    return values


def numbers(cells: Collection[str]) -> list[float]:
    _refuse_liberties("\n".join(cells))
    values = list(map(float, cells))
    if max(values) == math.inf or min(values) == -math.inf:
        raise ValueError("a number beyond the range of doubles")
    return values


def booleans(cells: Collection[str]) -> list[bool]:
    try:
        return [BOOLEANS[cell.lower()] for cell in cells]
    except KeyError as error:
        raise ValueError("not a boolean") from error


def dates(cells: Collection[str]) -> list[dt.date]:
    _require(DATES, cells)
    return list(map(dt.date.fromisoformat, cells))


def datetimes(cells: Collection[str]) -> list[dt.datetime]:
    """A plain date is its midnight; where some have a zone, those without one are UTC."""
    _require(DATETIMES, cells)
    values = [dt.datetime.fromisoformat(cell[:11] + cell[11:].replace(" ", "").upper()) for cell in cells]
    if len({value.tzinfo is None for value in values}) == 1:
        return values
    return list(map(instant, values))


def instant(value: dt.date) -> dt.datetime:
    """A moment that compares with every other: a date as its midnight, a time without a zone as UTC."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


def _refuse_liberties(joined: str) -> None:
    if not joined.isascii() or "_" in joined or "n" in joined or "N" in joined or LEADING_ZERO.search(joined):
        raise ValueError("not written as a number is")


def _require(pattern: re.Pattern[str], cells: Collection[str]) -> None:
    if not pattern.fullmatch("\n".join(cells) + "\n"):
        raise ValueError("not written as a date is")


READERS: dict[Kind, Callable[[Collection[str]], list[Any]]] = {
    Kind.INTEGER: integers,
    Kind.NUMBER: numbers,
    Kind.BOOLEAN: booleans,
    Kind.DATE: dates,
    Kind.DATETIME: datetimes,
}


def read(cells: Collection[str], kind: Kind) -> tuple[Kind, list[Any]]:
    """The cells' values, and the kind that holds them and what the column held: `kind`, or a wider one."""
    tries = FIRST_TRIED if kind is Kind.EMPTY else (kind, WIDER.get(kind, Kind.TEXT))
    for one in tries:
        if one is not Kind.TEXT:
            try:
                return one, READERS[one](cells)
            except ValueError:
                continue
    return Kind.TEXT, list(cells)

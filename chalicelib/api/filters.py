"""The query of `GET /runs`, read strictly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from chalicelib.api import schemas
from chalicelib.api.call import Call
from chalicelib.api.problems import InvalidParameter
from invoke_once.life.head import Head
from invoke_once.life.move import Status

QUERY = ("function", "status", "key", "label", "created_after", "created_before", "limit", "cursor")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_MS = 253_402_300_799_999  #: the last millisecond of the year 9999
_LIMIT = re.compile(r"[0-9]{1,3}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Filters(Struct, frozen=True):
    """Which runs are asked for. Times are in ms, both ends included. No status: all."""

    function: str | None
    key: str | None
    statuses: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    low_ms: int
    high_ms: int

    def match(self, head: Head, labels: dict[str, str]) -> bool:
        return (
            (self.function is None or head.function == self.function)
            and (self.key is None or head.key == self.key)
            and (not self.statuses or head.status in self.statuses)
            and self.low_ms <= head.created_at <= self.high_ms
            and all(labels.get(name) == value for name, value in self.labels)
        )

    @property
    def asked(self) -> list[Any]:
        """What a cursor is bound to."""
        return [self.function, self.key, self.statuses, self.labels, self.low_ms, self.high_ms]


def filters(call: Call) -> Filters:
    after, before = call.one("created_after"), call.one("created_before")
    return Filters(
        function=_given(call, "function"),
        key=_given(call, "key"),
        statuses=_statuses(call),
        labels=tuple(sorted({_label(text) for text in call.query.get("label", ())})),
        low_ms=0 if after is None else _ms("created_after", after) + 1,
        high_ms=MAX_MS if before is None else _ms("created_before", before) - 1,
    )


def limit(call: Call, default: int = DEFAULT_LIMIT, most: int = MAX_LIMIT) -> int:
    text = call.one("limit")
    if text is None:
        return default
    number = int(text) if _LIMIT.fullmatch(text) else 0
    if not 1 <= number <= most:
        raise InvalidParameter(f"limit is a number from 1 to {most}.")
    return number


def tenant(call: Call) -> str:
    """Whose: the caller's own tenant, unless told."""
    name = call.one("tenant")
    if name is not None and not re.fullmatch(schemas.TENANT, name):
        raise InvalidParameter("tenant is the name of a tenant.")
    return name or call.tenant


def _given(call: Call, name: str) -> str | None:
    text = call.one(name)
    if text is not None and not 1 <= len(text) <= 255:
        raise InvalidParameter(f"{name} has 1 to 255 characters.")
    return text


def _statuses(call: Call) -> tuple[str, ...]:
    """One, or several: repeated, or separated by commas."""
    names = {name for text in call.query.get("status", ()) for name in text.split(",")}
    if names - {str(status) for status in Status}:
        raise InvalidParameter(f"status is one or more of {', '.join(Status)}.")
    return tuple(sorted(names))


def _label(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not name or not colon:
        raise InvalidParameter("label is name:value.")
    return name, value


def _ms(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(_to_microseconds(text).upper()) if _TIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidParameter(f"{name} is a time as RFC 3339 has it, with a zone: 2026-11-23T10:00:00Z.")
    return min(max((moment - _EPOCH) // timedelta(milliseconds=1), 0), MAX_MS)


def _to_microseconds(text: str) -> str:
    return re.sub(r"(\.\d{6})\d+", r"\1", text)

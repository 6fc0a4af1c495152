"""The query of `GET /runs`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct

from chalicelib.api.schemas import Cursor
from invoke_once.life.head import Head
from invoke_once.life.status import Status

MAX_MS = 253_402_300_799_999  #: the last millisecond of the year 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ListQuery(Struct, frozen=True):
    """As it is sent. `status` and `label` may be repeated; a status may also be several, separated by commas."""

    function: Annotated[str, Meta(min_length=1, max_length=255, description="runs of this function")] | None = None
    status: Annotated[list[Status], Meta(description="runs in one of these states")] = []
    key: Annotated[str, Meta(min_length=1, max_length=255, description="runs with this idempotency key")] | None = None
    label: Annotated[
        list[Annotated[str, Meta(pattern="^[^:]+:")]],
        Meta(description="name:value; repeated, runs that have all of them", examples=[["batch:7"]]),
    ] = []
    batch: Annotated[str, Meta(min_length=1, max_length=64, description="runs of this batch, by index")] | None = None
    created_after: Annotated[datetime, Meta(tz=True, description="runs created later than this")] | None = None
    created_before: Annotated[datetime, Meta(tz=True, description="runs created earlier than this")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many runs")] = 20
    cursor: Cursor | None = None

    def filters(self) -> Filters:
        return Filters(
            function=self.function,
            key=self.key,
            batch=self.batch,
            statuses=tuple(sorted(set(self.status))),
            labels=tuple(sorted({(name, value) for name, _, value in (text.partition(":") for text in self.label)})),
            low_ms=0 if self.created_after is None else _ms(self.created_after) + 1,
            high_ms=MAX_MS if self.created_before is None else _ms(self.created_before) - 1,
        )


class Filters(Struct, frozen=True):
    """Which runs are asked for. Times are in ms, both ends included. No status: all."""

    function: str | None
    key: str | None
    statuses: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    low_ms: int
    high_ms: int
    batch: str | None = None

    def match(self, head: Head, labels: dict[str, str]) -> bool:
        return (
            (self.function is None or head.function == self.function)
            and (self.key is None or head.key == self.key)
            and (self.batch is None or head.batch == self.batch)
            and (not self.statuses or head.status in self.statuses)
            and self.low_ms <= head.created_at <= self.high_ms
            and all(labels.get(name) == value for name, value in self.labels)
        )

    @property
    def asked(self) -> list[Any]:
        """What a cursor is bound to."""
        asked = [self.function, self.key, self.statuses, self.labels, self.low_ms, self.high_ms]
        return asked if self.batch is None else [*asked, self.batch]


def _ms(moment: datetime) -> int:
    return min(max((moment - _EPOCH) // timedelta(milliseconds=1), 0), MAX_MS)

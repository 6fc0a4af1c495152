"""The query of `GET /runs`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.api.schemas import LABEL_ASKED, Cursor
from chalicelib.runs.filters import MAX_MS, Filters, labels_of, ms
from invoke_once.life.status import Status


class ListQuery(Struct, frozen=True):
    """As it is sent. `status` and `label` may be repeated; a status may also be several, separated by commas."""

    function: Annotated[str, Meta(min_length=1, max_length=255, description="runs of this function")] | None = None
    status: Annotated[list[Status], Meta(description="runs in one of these states")] = []
    key: Annotated[str, Meta(min_length=1, max_length=255, description="runs with this idempotency key")] | None = None
    label: Annotated[
        list[Annotated[str, LABEL_ASKED]],
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
            labels=labels_of(self.label),
            low_ms=0 if self.created_after is None else ms(self.created_after) + 1,
            high_ms=MAX_MS if self.created_before is None else ms(self.created_before) - 1,
        )

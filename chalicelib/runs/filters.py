"""Which runs are meant: by function, status, label, key, batch and time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from invoke_once.life.head import Head

MAX_MS = 253_402_300_799_999  #: the last millisecond of the year 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Filters(Struct, frozen=True):
    """Which runs are asked for. Times are in ms, both ends included. No status: all."""

    function: str | None
    key: str | None
    statuses: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    low_ms: int
    high_ms: int
    batch: str | None = None

    def match(self, tenant: str, head: Head) -> bool:
        labels = json.loads(head.labels) if head.labels and self.labels else {}
        return (
            head.tenant == tenant
            and (self.function is None or head.function == self.function)
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


def ms(moment: datetime) -> int:
    """A moment in ms since 1970, within what is listed."""
    return min(max((moment - _EPOCH) // timedelta(milliseconds=1), 0), MAX_MS)


def labels_of(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Texts like `name:value` as pairs."""
    return tuple(sorted({(name, value) for name, _, value in (text.partition(":") for text in texts)}))

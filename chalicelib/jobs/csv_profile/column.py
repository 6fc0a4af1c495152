"""One column of a profile: takes its cells a batch at a time and keeps what the profile says of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from chalicelib.jobs.csv_profile.distinct import Distinct, Memory
from chalicelib.jobs.csv_profile.exact_sum import ExactSum
from chalicelib.jobs.csv_profile.kinds import READERS, Kind, instant, read

LONGEST_SHOWN = 100

ABSENT = frozenset({"", "NULL", "null", "Null", "\\N"})
# absent among numbers and dates; among words, NA is Namibia and None somebody's name
MARKERS = frozenset({"NA", "N/A", "n/a", "#N/A", "NaN", "nan", "None"})
NUMERIC = frozenset({Kind.INTEGER, Kind.NUMBER})


class Range:
    """The least and the greatest value so far. Batches may differ in kind: dates compare as instants."""

    def __init__(self) -> None:
        self.low: Any = None
        self.high: Any = None

    def add(self, values: Collection[Any]) -> None:
        low, high = min(values), max(values)
        self.low = low if self.low is None else min(self.low, low, key=_comparable)
        self.high = high if self.high is None else max(self.high, high, key=_comparable)


def _comparable(value: Any) -> Any:
    return instant(value) if isinstance(value, dt.date) else value


class Column:
    def __init__(self, name: str, memory: Memory) -> None:
        self._name, self._kind = name, Kind.EMPTY
        self._present, self._nulls, self._markers = 0, 0, Counter[str]()
        self._distinct = Distinct(memory)
        self._sum, self._values, self._texts = ExactSum(), Range(), Range()

    def add(self, given: Sequence[str]) -> None:
        cells = list(map(str.strip, given))
        different = set(cells)
        if absent := different & (ABSENT | MARKERS):
            different -= absent
            cells = self._without(absent, cells)
        if not different:
            return
        self._present += len(cells)
        if new := self._distinct.add(different):
            self._texts.add(new)
        if self._kind is Kind.EMPTY or self._kind in NUMERIC:
            self._take(cells)  # every cell counts in the sum
        elif new and self._kind is not Kind.TEXT:
            self._take(list(new))

    def _without(self, absent: set[str], cells: list[str]) -> list[str]:
        for one in absent:
            if one in MARKERS:
                self._markers[one] += cells.count(one)
            else:
                self._nulls += cells.count(one)
        return [cell for cell in cells if cell not in absent]

    def _take(self, cells: list[str]) -> None:
        self._kind, values = read(cells, self._kind)
        if self._kind is Kind.TEXT:
            return
        if self._kind is Kind.INTEGER:
            self._sum.add_integers(values)
        elif self._kind is Kind.NUMBER:
            self._sum.add_floats(values)
        self._values.add(values)

    def profile(self) -> dict[str, Any]:
        """`{"name", "type", "nulls", "distinct", "min", "max", "mean"}` as JSON; None for no such value."""
        if self._kind is Kind.TEXT:
            self._keep_markers()
        estimate = {"distinct_is_estimate": True} if self._distinct.is_estimate else {}
        return {
            "name": self._name,
            "type": self._kind.value,
            "nulls": self._nulls + self._markers.total(),
            "distinct": self._count_distinct(),
            **estimate,
            "min": self._shown(self._range().low),
            "max": self._shown(self._range().high),
            "mean": self._sum.mean() if self._kind in NUMERIC else None,
        }

    def _keep_markers(self) -> None:
        if words := set(self._markers):
            self._present += self._markers.total()
            self._distinct.add(words)
            self._texts.add(words)
            self._markers.clear()

    def _count_distinct(self) -> int:
        """Values rather than spellings while all are known: 1 and 1.0 are one, and so are yes and TRUE."""
        if self._distinct.is_estimate:
            return min(len(self._distinct), self._present)
        if self._kind not in READERS:
            return len(self._distinct)
        return len(set(READERS[self._kind](list(self._distinct.cells))))

    def _range(self) -> Range:
        return self._texts if self._kind is Kind.TEXT else self._values

    def _shown(self, value: Any) -> Any:
        if isinstance(value, str):
            return value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
        if self._kind is Kind.DATETIME and not isinstance(value, dt.datetime):
            value = dt.datetime.combine(value, dt.time())
        if isinstance(value, dt.date):
            return value.isoformat()
        return float(value) if self._kind is Kind.NUMBER else value

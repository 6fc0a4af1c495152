"""Conditions on one stored item, as data: evaluated here in memory, compiled for DynamoDB in `table.py`.

A comparison with a missing attribute is false, as in DynamoDB
(Developer Guide, "Comparison operator and function reference").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]


class Condition:
    """A yes-or-no question about one item."""

    def holds(self, item: Item) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Equals(Condition):
    field: str
    value: Any

    def holds(self, item: Item) -> bool:
        found = item.get(self.field)
        return found is not None and bool(found == self.value)


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    field: str
    values: tuple[Any, ...]

    def holds(self, item: Item) -> bool:
        return item.get(self.field) in self.values


@dataclass(frozen=True, slots=True)
class Missing(Condition):
    field: str

    def holds(self, item: Item) -> bool:
        return item.get(self.field) is None


@dataclass(frozen=True, slots=True)
class AtMost(Condition):
    """The field is there and at most `value`."""

    field: str
    value: int

    def holds(self, item: Item) -> bool:
        found = item.get(self.field)
        return found is not None and bool(found <= self.value)


@dataclass(frozen=True, slots=True)
class Below(Condition):
    """The field is there and below `value`."""

    field: str
    value: int

    def holds(self, item: Item) -> bool:
        found = item.get(self.field)
        return found is not None and bool(found < self.value)


@dataclass(frozen=True, slots=True)
class BelowField(Condition):
    """Both fields are there and the first is below the second."""

    field: str
    other: str

    def holds(self, item: Item) -> bool:
        left, right = item.get(self.field), item.get(self.other)
        return left is not None and right is not None and bool(left < right)


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    parts: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return all(part.holds(item) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    parts: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return any(part.holds(item) for part in self.parts)


def all_of(*parts: Condition) -> Condition:
    return AllOf(parts)


def any_of(*parts: Condition) -> Condition:
    return AnyOf(parts)

"""Conditions on one stored item, as data: evaluated here in memory, compiled for DynamoDB in `expressions.py`.

A comparison with a missing attribute is false, as in DynamoDB
(Developer Guide, "Comparison operator and function reference").
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Item = Mapping[str, Any]
Comparison = Literal["=", "<=", "<", "<>"]
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<=": operator.le, "<": operator.lt, "<>": operator.ne,
}  # fmt: skip


class Check(NamedTuple):
    """One attribute against a value, another attribute (`< field`), several values (`in`), or nothing (`missing`)."""

    field: str
    op: Comparison | Literal["< field", "in", "missing"]
    value: Any = None

    def holds(self, item: Item) -> bool:
        found = item.get(self.field)
        if self.op == "missing":
            return found is None
        if self.op == "in":
            return found in self.value
        op, other = ("<", item.get(self.value)) if self.op == "< field" else (self.op, self.value)
        return found is not None and other is not None and bool(_COMPARE[op](found, other))


class Group(NamedTuple):
    """Several conditions, of which all or any must hold."""

    word: Literal["AND", "OR"]
    parts: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return (all if self.word == "AND" else any)(part.holds(item) for part in self.parts)


Condition = Check | Group


def equals(field: str, value: Any) -> Check:
    return Check(field, "=", value)


def differs(field: str, value: Any) -> Check:
    """It is there, and is another."""
    return Check(field, "<>", value)


def at_most(field: str, value: int) -> Check:
    return Check(field, "<=", value)


def below(field: str, value: int) -> Check:
    return Check(field, "<", value)


def below_field(field: str, other: str) -> Check:
    return Check(field, "< field", other)


def one_of(field: str, values: tuple[Any, ...]) -> Check:
    return Check(field, "in", values)


def missing(field: str) -> Check:
    return Check(field, "missing")


def all_of(*parts: Condition) -> Group:
    return Group("AND", parts)


def any_of(*parts: Condition) -> Group:
    return Group("OR", parts)

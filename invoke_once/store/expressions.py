"""A move in pynamodb's expressions: its guard as one condition, its changes as actions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from functools import reduce
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import And, Or
from pynamodb.expressions.condition import Condition as Compiled
from pynamodb.expressions.update import Action

from invoke_once.life.conditions import Condition, Group
from invoke_once.life.move import Arm, Move
from invoke_once.store.models import RunModel

ATTRIBUTES = RunModel.get_attributes()


def guard(arms: Iterable[Arm]) -> Compiled | None:
    """All of them; None where there is none."""
    compiled = [condition(arm.condition) for arm in arms]
    return reduce(And, compiled) if compiled else None


def condition(asked: Condition) -> Compiled:
    if isinstance(asked, Group):
        return reduce(And if asked.word == "AND" else Or, map(condition, asked.parts))
    field = attribute(asked.field)
    if asked.op == "missing":
        return field.does_not_exist()
    if asked.op == "in":
        return field.is_in(*asked.value)
    other: object = attribute(asked.value) if asked.op == "< field" else asked.value
    if asked.op == "=":
        return field == other
    if asked.op == "<>":
        return field != other
    return field <= other if asked.op == "<=" else field < other


def actions(move: Move) -> list[Action]:
    """SET, SET if_not_exists, ADD and REMOVE."""
    once = [(attribute(name), value) for name, value in move.set_once.items()]
    return [
        *(attribute(name).set(value) for name, value in move.set.items()),
        *(field.set(field | value) for field, value in once),
        *(attribute(name).add(value) for name, value in move.add.items()),
        *(attribute(name).remove() for name in move.remove),
    ]


def shape(move: Move) -> Hashable:
    """What `move` has in common with every move whose expressions are the same text: all but its values."""
    guard = tuple([_shape(arm.condition) for arm in move.guard])
    return move.replace or (*move.set,), (*move.set_once,), (*move.add,), move.remove, move.known is None, guard


def _shape(asked: Condition) -> Hashable:
    if isinstance(asked, Group):
        return asked.word, *map(_shape, asked.parts)
    if asked.op == "in":
        return asked.field, len(asked.value)
    return asked.field, asked.op, asked.value if asked.op == "< field" else None


def values(move: Move) -> dict[str, dict[str, Any]]:
    """The values of a move's expressions by their placeholders: pynamodb counts them as they come in the text."""
    found = [pair for arm in move.guard for pair in _compared(arm.condition)]
    if not move.replace:
        found += [*move.set.items(), *move.set_once.items(), *move.add.items()]
    return {f":{number}": wired(name, value) for number, (name, value) in enumerate(found)}


def _compared(asked: Condition) -> Iterator[tuple[str, Any]]:
    if isinstance(asked, Group):
        for part in asked.parts:
            yield from _compared(part)
    elif asked.op == "in":
        for value in asked.value:
            yield asked.field, value
    elif asked.op not in ("missing", "< field"):
        yield asked.field, asked.value


def wired(name: str, value: Any) -> dict[str, Any]:
    """A value as DynamoDB gets it."""
    kind = ATTRIBUTES[name]
    return {"NULL": True} if value is None else {kind.attr_type: kind.serialize(value)}


def attribute(name: str) -> Attribute[Any]:
    return ATTRIBUTES[name]

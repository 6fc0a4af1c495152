"""A move in pynamodb's expressions: its guard as one condition, its changes as actions."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import And, Or
from pynamodb.expressions.condition import Condition as Compiled
from pynamodb.expressions.update import Action

from invoke_once.life.conditions import Condition, Group
from invoke_once.life.move import Arm, Move
from invoke_once.store.models import RunModel


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


def attribute(name: str) -> Attribute[Any]:
    return RunModel.get_attributes()[name]

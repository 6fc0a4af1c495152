"""Moves as data, with each arm, value, list and question once: variants of a move differ in little.

{"moves": {name: {"choose", "moves"}}, "tables": {"arms", "values", "removed", "questions"}}; where a move or a tree of
questions has one of these, it has its number. What is empty or false is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAPPINGS = ("set", "set_once", "mine")


class Tables:
    def __init__(self) -> None:
        self.found: dict[str, list[Any]] = {"arms": [], "values": [], "removed": [], "questions": []}

    def tree(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        return {"choose": self._questions(tree["choose"]), "moves": [self._move(move) for move in tree["moves"]]}

    def _move(self, move: Mapping[str, Any]) -> dict[str, Any]:
        short: dict[str, Any] = {**move, "guard": [self._number("arms", arm) for arm in move["guard"]]}
        short |= {name: [self._number("values", list(pair)) for pair in move[name].items()] for name in MAPPINGS}
        short["removed"] = self._number("removed", short.pop("remove"))
        return {name: value for name, value in short.items() if value or name in ("guard", "removed")}

    def _questions(self, choose: Any) -> Any:
        if isinstance(choose, int):
            return choose
        question, yes, no = choose
        return [self._number("questions", question), self._questions(yes), self._questions(no)]

    def _number(self, table: str, value: Any) -> int:
        if value not in self.found[table]:
            self.found[table].append(value)
        return self.found[table].index(value)

"""Values that write down what is done with them, so that a function's result can be exported as data.

A function is called with `Sym`s for its inputs. Arithmetic gives another `Sym`; a comparison that the function
branches on asks the `Path`, which takes one side and notes it. The function is called again until every side has been
taken, so the export has one variant for each way through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class Path:
    """One way through a function: the answers given so far, and what was asked."""

    def __init__(self, answers: list[bool]) -> None:
        self._answers = answers
        self.taken: list[tuple[Any, bool]] = []

    def decide(self, question: Any) -> bool:
        for asked, answer in self.taken:
            if asked == question:
                return answer
        at = len(self.taken)
        answer = self._answers[at] if at < len(self._answers) else True
        self.taken.append((question, answer))
        return answer

    def next(self) -> list[bool] | None:
        """The answers that lead to the way after this one; None: this was the last."""
        answers = [answer for _, answer in self.taken]
        while answers and not answers[-1]:
            answers.pop()
        return [*answers[:-1], False] if answers else None


_path: list[Path] = []


def ways(function: Callable[[], Any]) -> Iterator[tuple[list[tuple[Any, bool]], Any]]:
    """(the questions and answers, the result) of each way through `function`."""
    answers: list[bool] | None = []
    while answers is not None:
        path = Path(answers)
        _path.append(path)
        try:
            result = function()
        finally:
            _path.pop()
        yield path.taken, result
        answers = path.next()


def ask(question: Any) -> bool:
    return _path[-1].decide(question)


class Sym:
    """A value that is known when the move is made. `form` says how it is come by; literals stand for themselves."""

    __hash__ = object.__hash__

    def __init__(self, form: Any, *, sure: bool = False) -> None:
        """`sure`: it counts as true, nobody is asked."""
        self.form = form
        self._sure = sure

    def __add__(self, other: Any) -> Sym:
        return Sym({"+": [self.form, plain(other)]})

    def __radd__(self, other: Any) -> Sym:
        return Sym({"+": [plain(other), self.form]})

    def __sub__(self, other: Any) -> Sym:
        return Sym({"-": [self.form, plain(other)]})

    def __abs__(self) -> Sym:
        return Sym({"abs": self.form})

    def __floordiv__(self, other: Any) -> Sym:
        return Sym({"//": [self.form, plain(other)]})

    def __lt__(self, other: Any) -> bool:
        return ask({"<": [self.form, plain(other)]})

    def __le__(self, other: Any) -> bool:
        return ask({"<=": [self.form, plain(other)]})

    def __gt__(self, other: Any) -> bool:
        return ask({"<": [plain(other), self.form]})

    def __ge__(self, other: Any) -> bool:
        return ask({"<=": [plain(other), self.form]})

    def __eq__(self, other: object) -> bool:
        return ask({"==": [self.form, plain(other)]})

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self._sure or ask({"true": self.form})


class Given:
    """An object whose attributes are inputs: `name.attribute`. Those of `may_be_none` are asked about first."""

    def __init__(self, name: str, may_be_none: frozenset[str] = frozenset(), **known: Sym) -> None:
        self.__dict__.update(known, _name=name, _may_be_none=may_be_none)

    def __getattr__(self, attribute: str) -> Any:
        form = {"$": f"{self._name}.{attribute}"}
        return None if attribute in self._may_be_none and ask({"none": form}) else Sym(form)

    def item(self) -> Sym:
        return Sym({"$": self._name})


class OneOf(tuple[Any, ...]):
    """Values, of which an input may be one."""

    __slots__ = ()

    def __contains__(self, value: object) -> bool:
        return ask({"in": [value.form, list(self)]}) if isinstance(value, Sym) else tuple.__contains__(self, value)


class Members:
    """An open mapping that is an input: its members go where it is unpacked, under the key `...NAME`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def keys(self) -> list[str]:
        return [f"...{self._name}"]

    def __getitem__(self, _: str) -> Sym:
        return Sym({"$": self._name})

    def __contains__(self, member: str) -> bool:
        return ask({"has": [{"$": self._name}, member]})

    def get(self, member: str, default: Any = None) -> Any:
        return Sym({"$": f"{self._name}.{member}"}) if member in self else default


def call(function: str, *arguments: Any) -> Sym:
    """The result of a function that the other side has too."""
    return Sym({"call": [function, *map(plain, arguments)]})


def plain(value: Any) -> Any:
    """A value as data: a `Sym` by its form, anything else as it is."""
    if isinstance(value, Sym):
        return value.form
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value

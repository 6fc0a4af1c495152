"""What can be written wrongly in a source file. Each mistake replaces the text of one node of the syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_UNSEEN = (ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr)


@dataclass(frozen=True)
class Mistake:
    """`was` at `line` becomes `now`. `where` names the place whatever folder it lies in: module.function."""

    path: Path
    where: str
    line: int
    lines: range  #: of the statement it is in
    was: str
    now: str
    start: int
    end: int  #: byte offsets in the file
    text: bytes = field(repr=False, compare=False)  #: the file's, as it was read

    @property
    def inside_a_function(self) -> bool:
        return "." in self.where

    def planted(self) -> str:
        """The file's text with the mistake in it."""
        return (self.text[: self.start] + self.now.encode() + self.text[self.end :]).decode()

    def __str__(self) -> str:
        """Of long ones the place where they differ."""
        was, now = _one_line(self.was), _one_line(self.now)
        same = next((n for n, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), 0)
        begin = 0 if same < 60 else same - 30
        told = f"{was[:30]}… " if begin else ""
        return f"{self.path}:{self.line}: {told}{was[begin : begin + 90]}  ▶  {now[begin : begin + 90]}"


def _one_line(text: str) -> str:
    with suppress(SyntaxError):
        text = ast.unparse(ast.parse(text))
    return " ".join(text.split())


def mistakes(path: Path) -> list[Mistake]:
    """Everything that can be written wrongly in the file, in the order of its lines."""
    return list(_Finder(path).found())


class _Finder:
    def __init__(self, path: Path) -> None:
        self._path, self._text = path, path.read_bytes()
        starts = [0]
        for line in self._text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        self._starts = starts
        self._where, self._lines = path.stem, range(0)

    def found(self) -> Iterator[Mistake]:
        yield from self._block(ast.parse(self._text).body)

    def _block(self, statements: list[ast.stmt]) -> Iterator[Mistake]:
        for statement in statements:
            outer, self._lines = self._lines, range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
            yield from self._statement(statement)
            self._lines = outer

    def _statement(self, node: ast.stmt) -> Iterator[Mistake]:
        match node:
            case ast.FunctionDef(decorator_list=[ast.Name(id="overload")]):
                return
            case ast.FunctionDef(body=body) if all(map(_does_nothing, body)):
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                outer, self._where = self._where, f"{self._where}.{node.name}"
                if not isinstance(node, ast.ClassDef):
                    for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                        yield from self._expression(default)
                yield from self._block(node.body)
                self._where = outer
                return
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case _ if isinstance(node, _UNSEEN):
                return
            case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
                return
            case ast.Assign(
                value=ast.Subscript(value=ast.Name(id="Callable" | "Mapping" | "dict"))
            ):  # a type's own name
                return
            case ast.If() | ast.While():
                self._head(node, node.test)
                yield self._of(node.test, f"not ({self._said(node.test)})")
            case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
                yield self._of(value, "None")
            case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
                yield self._of(node, "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
                yield self._of(node, "pass")
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "targets", "target", "decorator_list", "returns"):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.stmt):
                    yield from self._block([part])
                elif isinstance(part, ast.ExceptHandler | ast.match_case):
                    yield from self._block(part.body)
                elif isinstance(part, ast.withitem):
                    yield from self._expression(part.context_expr)
                elif isinstance(part, ast.expr):
                    yield from self._expression(part)

    def _head(self, node: ast.If | ast.While, test: ast.expr) -> None:
        """The lines of an `if` are those of its test: its body has tests of its own."""
        self._lines = range(node.lineno, (test.end_lineno or node.lineno) + 1)

    def _expression(self, node: ast.expr) -> Iterator[Mistake]:
        match node:
            case ast.JoinedStr() | ast.Subscript(value=ast.Name(id="Literal")):  # words; a type's own
                return
            case ast.Compare(ops=[operator]) if type(operator) in _OTHER:
                yield self._changed(node, "ops", [_OTHER[type(operator)]()])
            case ast.BoolOp(op=operator) | ast.BinOp(op=operator) if type(operator) in _OTHER:
                yield self._changed(node, "op", _OTHER[type(operator)]())
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._of(node, f"({self._said(operand)})")
            case ast.IfExp():
                yield self._of(node.test, f"not ({self._said(node.test)})")
            case ast.Constant(value=bool(value)):
                yield self._of(node, repr(not value))
            case ast.Constant(value=int(value)):
                yield self._of(node, repr(value + 1))
            case ast.Constant(value=str(value)) if value.isidentifier():
                yield self._of(node, repr(f"{value}_"))
            case ast.Call(func=ast.Name(id=name)) if name in _TWINS:
                yield self._of(node.func, _TWINS[name])
            case ast.Call(keywords=[_, *_]):
                for keyword in node.keywords:
                    if keyword.arg:
                        left = [one for one in node.keywords if one is not keyword]
                        yield self._changed(node, "keywords", left)
            case ast.Tuple(elts=[_, _, *_], ctx=ast.Load()) | ast.Set(elts=[_, _, *_]) | ast.List(elts=[_, *_]):
                for element in node.elts:
                    yield self._changed(node, "elts", [one for one in node.elts if one is not element])
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from self._expression(child)
            elif isinstance(child, ast.keyword):
                yield from self._expression(child.value)
            elif isinstance(child, ast.comprehension):
                yield from self._expression(child.iter)
                for test in child.ifs:
                    yield self._of(test, f"not ({self._said(test)})")
                    yield from self._expression(test)

    def _changed(self, node: ast.expr, field: str, value: object) -> Mistake:
        other = copy.copy(node)
        setattr(other, field, value)
        return self._of(node, f"({ast.unparse(other)})")

    def _of(self, node: ast.expr | ast.stmt, now: str) -> Mistake:
        start, end = self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)
        was = self._text[start:end].decode()
        return Mistake(self._path, self._where, node.lineno, self._lines, was, now, start, end, self._text)

    def _said(self, node: ast.expr) -> str:
        start, end = self._place(node.lineno, node.col_offset), self._place(node.end_lineno, node.end_col_offset)
        return self._text[start:end].decode()

    def _place(self, line: int | None, column: int | None) -> int:
        assert line is not None and column is not None
        return self._starts[line - 1] + column


def _does_nothing(statement: ast.stmt) -> bool:
    """Words, `...`, `pass` or `return None`: what a protocol or a stand-in has for a body."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Return(value=None | ast.Constant(value=None)):
            return True
    return False


def _is_nothing(value: ast.expr) -> bool:
    """None, or False, which no `if` can tell from it; that a False is True is a mistake of its own."""
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)

"""A struct's keys as the rows of a table in docs/reference: | key | type | default | meaning |."""

from __future__ import annotations

import msgspec
from msgspec.inspect import DictType, Field, FloatType, IntType, LiteralType, Metadata, StructType, Type, UnionType


def rows(kind: type, *, without: tuple[str, ...] = ()) -> list[str]:
    return [row(field) for field in fields(kind) if field.name not in without]


def fields(kind: type) -> tuple[Field, ...]:
    shape = msgspec.inspect.type_info(kind)
    assert isinstance(shape, StructType)
    return shape.fields


def row(field: Field) -> str:
    meaning = ""
    shape = field.type
    if isinstance(shape, Metadata):
        meaning, shape = (shape.extra_json_schema or {}).get("description", ""), shape.type
    default = field.default_factory() if callable(field.default_factory) else field.default
    return f"| `{field.name}` | {words(shape)} | {told(default)} | {meaning} |"


def words(shape: Type) -> str:
    """What a person calls the type."""
    match shape:
        case Metadata():
            return words(shape.type)
        case UnionType():
            return words(shape.types[0])
        case IntType(ge=low, le=high) | FloatType(ge=low, le=high):
            bounds = f" {low} to {high}" if high is not None else f" from {low}" if low is not None else ""
            return f"{'number' if isinstance(shape, FloatType) else 'integer'}{bounds}"
        case LiteralType():
            return " or ".join(f"`{value}`" for value in shape.values)
        case DictType() | StructType():
            return "table"
        case _:
            return {"StrType": "text", "BoolType": "true or false", "VarTupleType": "list"}[type(shape).__name__]


def told(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return (
        "" if default in (msgspec.NODEFAULT, None, "", (), {}) or isinstance(default, msgspec.Struct) else f"{default}"
    )

"""A handler's values as JSON text, and back: for each value the bytes that Lambda's own runtime sends for it.

The runtime (awslambdaric, `lambda_runtime_marshaller.py`, as on Python 3.12 and newer: UTF-8, not escaped) takes more
than Python's `json`: a Decimal is a number in its own digits, a namedtuple an object, bytes inside a value text, and
bytes alone the answer itself. What it would send that is no JSON (NaN, a lone surrogate, one name twice in an object)
is refused here, with a JSON pointer (RFC 6901) to the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, NoReturn

from invoke_once.errors import NotSerializable

MAX_DEPTH = 900  #: containers in each other; the runtime's own limit, 1 000, depends on who calls it
POINTER_CHARS = 500
_PLAIN = frozenset({str, int, float, bool, type(None)})
_CONTAINERS = frozenset({dict, list, tuple})
_fast = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


def dumps(value: Any) -> bytes:
    """`value` as JSON text, UTF-8. Raises `NotSerializable`, which names the place but not the value."""
    if isinstance(value, bytes):
        return _checked(value)
    if _is_plain(value):
        try:
            return _fast(value).encode("utf-8")
        except (ValueError, RecursionError):
            pass  # the writer says where
    return _Writer(keep=False).text(value).encode("utf-8")


def event_text(event: Any) -> bytes:
    """An event as JSON text that reads as the same event: an infinity is `1e999`, and a lone surrogate escaped."""
    try:
        return json.dumps(event, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return _Writer(keep=True).text(event).encode("utf-8")


def answer_of(text: bytes) -> Any:
    """What a duplicate's call returns, so that the runtime sends what it sent for the first one."""
    value = json.loads(text, parse_float=_float, parse_int=_int)
    if dumps(value) == text or _compact(value) == text:  # the latter: as 0.1.0 wrote it
        return value
    return text  # the handler had returned bytes, which the runtime sends as they are


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8")


def _float(digits: str) -> float | Decimal:
    value = float(digits)
    return value if repr(value) == digits else Decimal(digits)


def _int(digits: str) -> int | Decimal:
    try:
        value = int(digits)
        return value if str(value) == digits else Decimal(digits)
    except ValueError:  # more digits than Python reads into an int
        return Decimal(digits)


def _checked(text: bytes) -> bytes:
    """Bytes that are the answer themselves, if they are JSON."""

    def refuse(_: str) -> NoReturn:
        raise ValueError

    try:
        dumps(json.loads(text.decode("utf-8"), parse_constant=refuse))
    except (ValueError, RecursionError, NotSerializable):
        raise NotSerializable('at "": the bytes are not a JSON text') from None
    return text


def _is_plain(value: Any) -> bool:
    """Only what Python's `json` writes as the runtime does."""
    todo = [value]
    seen: set[int] = set()
    while todo:
        part = todo.pop()
        kind = type(part)
        if kind in _PLAIN:
            continue
        if kind not in _CONTAINERS:
            return False
        if id(part) in seen:
            continue
        seen.add(id(part))
        if kind is dict:
            if not all(type(key) is str for key in part):
                return False
            todo.extend(part.values())
        else:
            todo.extend(part)
    return True


class _Down:
    """A value inside a container, at `token`."""

    __slots__ = ("token", "value")

    def __init__(self, token: str | int, value: Any) -> None:
        self.token, self.value = token, value


class _Writer:
    """Writes a value part by part, so that a refusal knows the place. `keep`: what JSON lacks is kept, not refused."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self._path: list[str | int] = []
        self._inside: list[int] = []  # ids of the containers that are open

    def text(self, value: Any) -> str:
        out: list[str] = []
        stack = [self._top(value)]
        while stack:
            part = next(stack[-1], None)
            if part is None:
                stack.pop()
                if self._inside:
                    self._inside.pop()
                if self._path:
                    self._path.pop()
            elif isinstance(part, str):
                out.append(part)
            else:
                self._path.append(part.token)
                scalar = self._scalar(part.value)
                if scalar is not None:
                    out.append(scalar)
                    self._path.pop()
                else:
                    stack.append(self._container(part.value))
        return "".join(out)

    def _top(self, value: Any) -> Iterator[str | _Down]:
        scalar = self._scalar(value)
        if scalar is not None:
            yield scalar
        else:
            yield from self._container(value)

    def _container(self, value: Any) -> Iterator[str | _Down]:
        if id(value) in self._inside:
            self._refuse("the value contains itself")
        if len(self._inside) >= MAX_DEPTH:
            self._refuse("the value is nested too deeply", pointer=False)
        self._inside.append(id(value))
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict):
            value = self._called(as_dict, value)
        if isinstance(value, (list, tuple)):
            return self._items(value)
        if isinstance(value, dict):
            return self._members(value)
        return self._refuse(f"a {type(value).__name__} is not JSON")

    def _called(self, as_dict: Any, value: Any) -> Any:
        try:
            return as_dict()
        except TypeError:  # a class, say: its instances have it
            return value
        except Exception as error:
            self._refuse(f"its _asdict raised {type(error).__name__}")

    def _items(self, values: Any) -> Iterator[str | _Down]:
        yield "["
        for number, value in enumerate(values):
            if number:
                yield ", "
            yield _Down(number, value)
        yield "]"

    def _members(self, members: dict[Any, Any]) -> Iterator[str | _Down]:
        yield "{"
        names: set[str] = set()
        for key, value in members.items():
            name = self._name(key)
            if name in names:
                self._refuse("the object has two keys that JSON writes alike")
            yield f"{', ' if names else ''}{self._string(name)}: "
            names.add(name)
            yield _Down(name, value)
        yield "}"

    def _name(self, key: Any) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        if isinstance(key, bytes):
            return self._decoded(key)
        if isinstance(key, float):
            return "NaN" if key != key else float.__repr__(key).replace("inf", "Infinity")
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, int):
            return self._digits(key)
        return self._refuse(f"a key of an object is a {type(key).__name__}")

    def _scalar(self, value: Any) -> str | None:
        """The text of anything but a container; None: it is one."""
        if value is None or value is True or value is False:
            return "null" if value is None else "true" if value else "false"
        if isinstance(value, str):
            return self._string(str.__str__(value))
        if isinstance(value, bytes):
            return self._string(self._decoded(value))
        if isinstance(value, int):
            return self._digits(value)
        if isinstance(value, float):
            return self._float(float(value))
        return self._decimal(value) if isinstance(value, Decimal) else None

    def _string(self, text: str) -> str:
        if text.isascii():
            return encode_basestring(text)
        try:
            text.encode("utf-8")
            return encode_basestring(text)
        except UnicodeEncodeError:
            if self._keep:
                return encode_basestring_ascii(text)
            self._refuse("the text has a lone surrogate, which UTF-8 cannot carry")

    def _decoded(self, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            self._refuse("the bytes are not UTF-8")

    def _digits(self, value: int) -> str:
        try:
            return int.__repr__(value)
        except ValueError:
            self._refuse("the number has too many digits")

    def _float(self, value: float) -> str:
        if math.isfinite(value):
            return float.__repr__(value)
        if self._keep:
            return "null" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
        return self._refuse("NaN is not JSON" if math.isnan(value) else "an infinity is not JSON")

    def _decimal(self, value: Decimal) -> str:
        if value.is_nan():
            return self._float(math.nan)
        if math.isinf(float(value)):
            self._refuse("a number beyond what a double holds")
        return str(value)

    def _refuse(self, why: str, *, pointer: bool = True) -> NoReturn:
        told = "".join(["/" + str(token).replace("~", "~0").replace("/", "~1") for token in self._path])
        cut = told if len(told) <= POINTER_CHARS else f"{told[:POINTER_CHARS]}…"
        raise NotSerializable(f'at "{cut}": {why}' if pointer else why) from None

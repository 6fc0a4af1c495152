"""JSON bodies, read strictly: what two readers could understand differently is refused.

Refused: not UTF-8, a byte order mark, trailing text, duplicate names (however escaped), NaN and infinities (also
by overflow, as 1e999), integers over 4 300 digits, lone surrogates, nesting deeper than 64. `json.loads` alone
accepts most of these, and raises RecursionError on deep ones.
"""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from chalicelib.api.problems import InvalidJson

MAX_DEPTH = 64
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MEMBERS = Decoder(dict[str, Raw])


def parse(body: bytes) -> Any:
    """The value of a JSON text. Raises InvalidJson."""
    if not body.strip(b" \t\r\n"):
        raise InvalidJson("The body is empty.")
    _check_depth(body)
    try:
        value = _decode(body.decode("utf-8", "strict"))
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode("utf-8", "strict")
    except InvalidJson:
        raise
    except UnicodeEncodeError:
        raise InvalidJson("A string has a lone surrogate.") from None
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise InvalidJson("The body is not one JSON text.") from None
    return value


def member_text(body: bytes, name: str) -> bytes | None:
    """The JSON text of one member of the body's object, byte for byte; None where it is not there.

    For a body that `parse` has accepted as an object.
    """
    try:
        found = _MEMBERS.decode(body).get(name)
    except (DecodeError, ValueError, RecursionError):
        raise InvalidJson("The body is not one JSON text.") from None
    return None if found is None else bytes(found)


def _decode(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite, parse_int=_integer
    )


def _check_depth(body: bytes) -> None:
    """Before anything recursive sees the body; linear, and without a step per character."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
        else:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJson("An object has the same name twice.")
    return found


def _no_constant(_: str) -> Any:
    raise InvalidJson("NaN and infinities are not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidJson("A number is too large.")
    return number


def _integer(text: str) -> int:
    if len(text) > 4300:
        raise InvalidJson("A number has too many digits.")
    return int(text)

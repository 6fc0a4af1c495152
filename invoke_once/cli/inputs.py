"""The input of a run from the command line: text, a file, or stdin. Every mistake is a click.UsageError."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from invoke_once.client.core.requests import JsonText


def read_input(data: str | None, path: str | None) -> JsonText | None:
    """The input as its own text, checked; None without any. Raises click.UsageError for what is not JSON or not there.

    It is not read and written anew: a number keeps every digit.
    """
    if data is not None and path is not None:
        raise click.UsageError("give the input with -d or with -p, not with both")
    if data is None and path is None:
        return None
    if "-" in (data, path):
        return _parse(_stdin(), "stdin")
    return _parse(data, "-d") if data is not None else _parse(_file(str(path)), str(path))


def read_lines(path: str) -> list[JsonText]:
    """One input a line, each as its own text, checked; empty lines are passed over. Raises click.UsageError."""
    text = _stdin() if path == "-" else _file(path)
    name = "stdin" if path == "-" else path
    lines = enumerate(text.split("\n"), 1)
    found = [_parse(line, f"{name}, line {number}") for number, line in lines if line.strip()]
    if not found:
        raise click.UsageError(f"{name} holds no input: one JSON text a line")
    return found


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not UTF-8: {error.reason} at byte {error.start}") from None


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from None


def _parse(text: str, source: str) -> JsonText:
    from invoke_once.client.core.requests import JsonText

    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_no_constant, parse_int=str, parse_float=str)
        json.dumps(value, ensure_ascii=False).encode()  # half a character, as an escape
        return JsonText(text.strip(" \t\r\n"))
    except (ValueError, RecursionError) as error:
        hint = " (a text needs its quotes: '\"text\"')" if source == "-d" and text[:1].isalpha() else ""
        raise click.UsageError(f"the input ({source}) is not JSON: {error}{hint}") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a name that is there twice would lose a value without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")

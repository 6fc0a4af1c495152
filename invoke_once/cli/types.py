"""Option types, as functions from text: durations like `90`, `10m`, `2h`; labels like `team=data`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=click.Command)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(s|m|h|d)?")
_TO_1000 = re.compile(r"[1-9][0-9]{0,2}|1000")
_LONGEST_S = 100 * 366 * 86400
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> float:
    """Seconds, from seconds or a number with a unit."""
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise click.BadParameter(f"{text!r} is not a duration: seconds, or a number with s, m, h or d")
    seconds = float(found[1]) * _UNIT_S[found[2] or "s"]
    if seconds > _LONGEST_S:
        raise click.BadParameter(f"{text!r} is longer than a hundred years")
    return seconds


def web_address(text: str) -> str:
    """An http or https URL that names a host."""
    from invoke_once.client.core.requests import is_web_address

    if not is_web_address(text):
        raise click.BadParameter(f"{text!r} is no URL: http://127.0.0.1:3000/hooks is one")
    return text


def examples(*lines: str) -> Callable[[Command], Command]:
    """A command's help ends with these lines."""

    def with_examples(command: Command) -> Command:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
        return command

    return with_examples


def all_of(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """These options, in this order, of several commands alike."""

    def with_options(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


def statuses(text: str) -> tuple[str, ...]:
    """One or more statuses, separated by commas. A misspelt one is told with the nearest."""
    from difflib import get_close_matches

    from invoke_once.life.status import Status

    known = [status.value for status in Status]
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise click.BadParameter(f"{text!r} names no status: there are {', '.join(known)}")
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise click.BadParameter(f"{name!r} is no status: {hint}")
    return tuple(names)


def label(text: str) -> tuple[str, str]:
    """`name=value` as a pair."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not a label: name=value")
    return name, value


def labels_of(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What was given with several `--label`. Raises click.UsageError where one of them would go unheard."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name in found if sum(name == one for one, _ in pairs) > 1)
        raise click.UsageError(f"a label has one value, and {twice!r} is given twice")
    return found


def at_most(text: str) -> tuple[str, int]:
    """`KEY:MAX` as a pair; the key may have colons of its own."""
    key, colon, most = text.rpartition(":")
    if not (colon and key and _TO_1000.fullmatch(most)):
        raise click.BadParameter(f"{text!r} is no limit: KEY:MAX, with MAX from 1 to 1000")
    return key, int(most)


def whole(seconds: float | None) -> int | None:
    """A duration as the service counts it: whole seconds, a begun one is one."""
    return None if seconds is None else -int(-seconds // 1)

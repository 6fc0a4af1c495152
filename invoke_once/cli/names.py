"""What a person types for a run or a function: an id, its beginning, `latest`; and what the shell completes.

A name is looked up by listing, newest first and to a bound. Every mistake is a click.UsageError with what was near.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from invoke_once.errors import InvokeOnceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from click.shell_completion import CompletionItem

    from invoke_once.client import Once

WHOLE = 30  # characters of an id: run_ and 26
LEAST = 8  # of the beginning of one: run_ and 4
LOOKED_AT = 1000  # of the newest runs
_SHOWN = 5
_COMPLETED = 30
_COMPLETION_PATIENCE_S = 1.5


def run_id(once: Once, typed: str, *, only_runs_have: str = "") -> str:
    """The id that is meant by an id, the beginning of one, or `latest`. Raises click.UsageError.

    A batch's id is taken too, except for what `only_runs_have`.
    """
    if only_runs_have and typed.startswith("batch_"):
        lists = f"`once batch results --all {typed}` lists them"
        raise click.UsageError(f"{typed} is a batch, and only its runs have {only_runs_have}: {lists}")
    if typed == "latest":
        newest = next(iter(once.list(limit=1)), None)
        if newest is None:
            raise click.UsageError("there is no run yet, so none is the latest")
        return newest.id
    if not typed.startswith("run_") or len(typed) >= WHOLE:
        return typed
    if len(typed) < LEAST:
        raise click.UsageError(f"{typed!r} is too short for the beginning of a run id: run_ and four characters")
    found = [run for run in once.list(limit=LOOKED_AT) if run.id.startswith(typed)]
    if not found:
        raise click.UsageError(f"no run of the newest {LOOKED_AT} begins with {typed}; `once list` shows them")
    if len(found) > 1:
        lines = "".join(f"\n  {run.id}  {run.status}  {run.document.function}" for run in found[:_SHOWN])
        raise click.UsageError(f"{len(found)} runs begin with {typed}:{lines}")
    return found[0].id


@contextmanager
def function_known(once: Once, typed: str) -> Iterator[None]:
    """A 404 that is the function's is a click.UsageError with the name that was probably meant."""
    from invoke_once.client_errors import NotFound

    try:
        yield
    except NotFound as error:
        known = _functions(once)
        if typed in known:
            raise
        raise click.UsageError(f"there is no function {typed}. {_near(typed, known)}") from error


@contextmanager
def key_told(key: str, what: str) -> Iterator[None]:
    """Ctrl-C before the answer to a start says how to find what may have been started by now."""
    try:
        yield
    except KeyboardInterrupt:
        from invoke_once.cli.output import note

        note(f"\nthe {what} may have been started; the same command with --key {key} finds it")
        raise


def _functions(once: Once) -> list[str]:
    try:
        return [str(entry.get("name")) for entry in once.functions()]
    except InvokeOnceError:
        return []


def _near(typed: str, known: list[str]) -> str:
    """`Did you mean echo?`, or where to look, for a function that there is not."""
    from difflib import get_close_matches

    near = get_close_matches(typed, known, 3, 0.5)
    return f"Did you mean {' or '.join(near)}?" if near else "`once functions` lists what can be run."


def run_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument RUN, completed with the newest runs."""
    return click.argument("run_id", metavar="RUN", shell_complete=complete_runs)(command)


def complete_functions(ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Function names with their descriptions; none when the service does not answer at once."""

    def named(once: Once) -> list[tuple[str, str]]:
        return [(str(e.get("name")), str(e.get("description") or "")) for e in once.functions()]

    return _completed(ctx, typed, named)


def complete_runs(ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """`latest` and the newest runs, with function and status."""

    def named(once: Once) -> list[tuple[str, str]]:
        newest = [run.document for run in once.list(limit=_COMPLETED)]
        return [("latest", "the newest run"), *((run.id, f"{run.function} {run.status}") for run in newest)]

    return _completed(ctx, typed, named)


def _completed(ctx: click.Context, typed: str, named: Callable[[Once], list[tuple[str, str]]]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from invoke_once.cli.output import one_line
    from invoke_once.cli.session import Session

    root = ctx.find_root()
    session = Session(root.params.get("url"), root.params.get("profile"))
    try:
        with session.once(timeout_s=_COMPLETION_PATIENCE_S, tries=1) as once:
            found = named(once)
    except InvokeOnceError:
        return []
    return [CompletionItem(name, help=one_line(text)) for name, text in found if name.startswith(typed)]

"""`once open`: a run's page of the dashboard, in the browser."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from invoke_once.cli import names
from invoke_once.cli.names import run_argument
from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples("once open latest", "once open run_7k3v5x --print")
@click.command("open", short_help="Open a run's page in the browser.")
@run_argument
@click.option("--print", "only_print", is_flag=True, help="Print the page's URL, open nothing.")
@click.pass_obj
def command(session: Session, /, run_id: str, only_print: bool) -> int:
    """Open a run's page of the dashboard. Where there is no screen its URL is printed, and nothing else is done.

    The page asks for a token; `once link` makes a URL that shows the run to somebody without one.
    """
    from invoke_once.cli.output import out
    from invoke_once.client.core.requests import run_path

    with session.once() as once:
        url = f"{once.url}/#{run_path(names.run_id(once, run_id))}"
    out(url)
    if not only_print and _has_screen():
        import webbrowser

        webbrowser.open(url)
    return 0


def _has_screen() -> bool:
    """A browser that draws in this terminal would be in the way."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))

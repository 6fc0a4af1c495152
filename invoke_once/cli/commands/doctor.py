"""`once doctor`: what is wrong, and how to fix it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from invoke_once.cli import exits
from invoke_once.cli.types import examples
from invoke_once.errors import ConfigurationError

if TYPE_CHECKING:
    from invoke_once.cli.checks import Finding
    from invoke_once.cli.session import Session

_SIGNS = {"ok": ("✓", "ok", "green"), "warning": ("!", "warn", "yellow"), "wrong": ("✗", "WRONG", "red")}


@examples(
    "once doctor",
    "once --profile work doctor --json",
)
@click.command("doctor", short_help="Find out what is wrong and how to fix it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON array.")
@click.pass_obj
def command(session: Session, /, as_json: bool) -> int:
    """Look at the configuration, the service, its parts, the clocks, the versions and the token.

    Exits with 0 if nothing is wrong, 6 if the service cannot be reached, 2 if the URL or the token is the
    reason, 1 if the service itself or a clock is.
    """
    from invoke_once.cli.output import json_out

    code, found = exits.OK, []
    for finding in findings(session):
        code = code or finding.code
        found.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        json_out([{name: value for name, value in asdict(f).items() if name != "code"} for f in found])
    return code


def findings(session: Session) -> Iterator[Finding]:
    """All there is to say, in the order in which it should be fixed."""
    from invoke_once.cli import checks
    from invoke_once.client import Once
    from invoke_once.client.profile import config_path, is_private
    from invoke_once.version import __version__

    path = config_path()
    try:
        settings = session.settings()
        once = Once(settings.url, settings.token, timeout=10.0)
    except ConfigurationError as error:
        yield checks.wrong("configuration", str(error), "set ONCE_URL and ONCE_TOKEN, or run `once configure`")
        return
    with once:
        yield from checks.of_settings(settings, is_private(path), str(path))
        reached = True
        for finding in checks.of_service(once, time.time(), __version__):
            reached = reached and finding.code != exits.UNREACHABLE
            yield finding
        if reached:
            yield from checks.of_token(once, settings.token)


def _show(finding: Finding) -> None:
    import sys

    from invoke_once.cli.output import one_line, out

    sign, word, colour = _SIGNS[finding.state]
    mark = click.style(sign, fg=colour) if sys.stdout.isatty() else word
    out(f"{mark:<5} {finding.name}: {one_line(finding.text)}")
    if finding.fix:
        out(f"      -> {one_line(finding.fix)}")

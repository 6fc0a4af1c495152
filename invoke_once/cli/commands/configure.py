"""`once configure` (or `once login`): store a service's URL and a token, after trying them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.cli.session import Session


@examples(
    "once configure",
    "once --profile work --url https://abc123.execute-api.eu-central-1.amazonaws.com/api configure < token",
)
@click.command("configure", short_help="Store a service's URL and your token.")
@click.option("--no-check", is_flag=True, help="Store them without trying them first.")
@click.option("--default", "make_default", is_flag=True, help="Make this the profile that is used when none is named.")
@click.pass_obj
def command(session: Session, /, no_check: bool, make_default: bool) -> int:
    """Store a URL and a token in the config file, readable by you alone.

    The token is asked for, or read from stdin: `once --url URL configure < token-file`.
    `once --profile NAME configure` keeps several services apart.
    """
    from invoke_once.cli.output import note
    from invoke_once.client.profile import Profile, config_path, read, save

    path = config_path()
    name = session.profile or "default"
    known = read(path).profiles.get(name, Profile())
    url = (session.url or _ask_url(known.url)).rstrip("/")
    token = _ask_token()
    if not no_check:
        _try(url, token)
    save(path, name, Profile(url, token, known.webhook_secret), make_default=make_default)
    note(f"stored as profile {name} in {path}")
    return 0


def _ask_url(known: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("say which service: once --url URL configure")
    return str(click.prompt("URL of the service", default=known or None, err=True)).strip()


def _ask_token() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Token", hide_input=True, err=True)).strip()
    token = sys.stdin.readline().strip()
    if not token:
        raise click.UsageError("no token on stdin")
    return token


def _try(url: str, token: str) -> None:
    """One cheap call with the token. Raises what it raises: nothing is stored then."""
    from invoke_once.client import Once

    with Once(url, token) as once:
        once.functions()

"""`once tokens`: who may use the service. Needs the scope `admin`; for another tenant, `operator`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli.types import duration, examples, whole

if TYPE_CHECKING:
    from invoke_once.cli.session import Session

_SCOPES = ["runs:read", "runs:write", "admin", "operator"]


@examples("once tokens create --tenant acme --scope runs:read", "once tokens list --tenant acme")
@click.group("tokens", short_help="Create, list and revoke tokens.")
def command() -> None:
    """Create, list and revoke tokens. Needs the scope admin; for another tenant, operator."""


@examples(
    "once tokens create --tenant acme --scope runs:read --scope runs:write --expires-in 90d",
    "once tokens create --json | jq -r .token",
)
@command.command("create")
@click.option("--tenant", help="Whose runs it is for; yours unless told.")
@click.option("--scope", "scopes", type=click.Choice(_SCOPES), multiple=True, help="What it allows; repeatable.")
@click.option("--expires-in", type=duration, help="When it stops working, like 90d.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
@click.pass_obj
def create(
    session: Session, /, tenant: str | None, scopes: tuple[str, ...], expires_in: float | None, as_json: bool
) -> int:
    """Create a token. It is printed now and can never be shown again."""
    from invoke_once.cli.output import json_out, note, out

    with session.once() as once:
        made = once.tokens.create(tenant, scopes or None, whole(expires_in))
    if as_json:
        json_out(made)
        return 0
    out(str(made.get("token", "")))
    note(f"token {made.get('id', '')}: keep it now, it is not shown again")
    return 0


@examples("export ONCE_TOKEN=$(once tokens iam)", "AWS_PROFILE=shop once tokens iam --expires-in 12h")
@command.command("iam")
@click.option("--expires-in", type=duration, help="When it stops working: 1h unless told, 12h at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON.")
@click.pass_obj
def iam(session: Session, /, expires_in: float | None, as_json: bool) -> int:
    """Fetch a token as the AWS role or user that you are. Needs botocore and no other token.

    The service's stage has to list the role or user (iam_callers).
    """
    from invoke_once.cli.output import json_out, note, out

    with session.once(needs_token=False) as once:
        made = once.tokens.from_iam(whole(expires_in))
    if as_json:
        json_out(made)
        return 0
    out(str(made.get("token", "")))
    note(f"of {made.get('tenant', '')}, until {made.get('expires_at', '')}")
    return 0


@examples("once tokens list", "once tokens list --tenant acme --json")
@command.command("list")
@click.option("--tenant", help="Whose; yours unless told.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(session: Session, /, tenant: str | None, as_json: bool) -> int:
    """List the tokens, without their secrets."""
    from invoke_once.cli.output import json_out, table

    with session.once() as once:
        entries = list(once.tokens.list(tenant))
    if as_json:
        json_out(entries)
        return 0
    rows = [
        (
            e.get("id"),
            e.get("tenant"),
            " ".join(e.get("scopes") or ()),
            e.get("created_at"),
            e.get("expires_at"),
        )
        for e in entries
    ]
    table(("token", "tenant", "scopes", "created", "expires"), rows)
    return 0


@examples("once tokens revoke 4f2k", "once tokens list --json | jq -r '.[].id' | xargs -n1 once tokens revoke")
@command.command("revoke")
@click.argument("token_id", metavar="TOKEN_ID")
@click.pass_obj
def revoke(session: Session, /, token_id: str) -> int:
    """Revoke a token by its id, the part between the underscores."""
    from invoke_once.cli.output import note

    with session.once() as once:
        once.tokens.revoke(token_id)
    note(f"revoked {token_id}; it stops working within a minute")
    return 0

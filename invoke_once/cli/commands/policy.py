"""`once policy`: what a function outside the stack needs, to paste or to pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from invoke_once.cli.types import examples

if TYPE_CHECKING:
    from invoke_once.outside import Mode

WHOLE = ("sam", "serverless", "terraform", "cdk")
SHOWN = ("policy", "environment", "destinations", *WHOLE, "entry")


@examples(
    "once policy billing --account 111122223333 --region eu-west-1",
    "once policy billing --show sam",
)
@click.command("policy", short_help="Print what a function outside the stack needs.")
@click.argument("function")
@click.option("--stack", metavar="NAME", default="invoke-once-prod", show_default=True, help="The service's stack.")
@click.option(
    "--mode", type=click.Choice(["tracked", "destination"]), default="tracked", show_default=True,
    help="Wrapped in @tracked, or left as it is.",
)  # fmt: skip
@click.option("--tenant", default="default", show_default=True, help="Owner of runs that register themselves.")
@click.option("--account", metavar="DIGITS", help="The stack's AWS account.")
@click.option("--region", metavar="NAME", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="The stack's region.")
@click.option("--qualifier", metavar="NAME", default="", help="The alias or version that is called, if one is.")
@click.option(
    "--show", type=click.Choice(SHOWN), default="policy", show_default=True,
    help="The IAM policy, the environment, the event invoke config; all for a tool; its table in functions.toml.",
)  # fmt: skip
def command(
    function: str, stack: str, mode: Mode, tenant: str, account: str | None, region: str | None, qualifier: str,
    show: str,
) -> int:  # fmt: skip
    """Print what a function that is deployed elsewhere needs: rights, environment, destinations.

    FUNCTION is what its runs are called. Nothing is looked up and nothing is changed.

    \b
      once policy billing --account 111122223333 --region eu-west-1
      once policy billing --show sam                  for a template: no account, no region
      once policy billing --show terraform            or cdk, or serverless
    """
    from invoke_once import outside, outside_formats
    from invoke_once.cli.output import json_out, out

    if show in WHOLE:
        out(getattr(outside_formats, show)(outside.Place(stack), mode, function, tenant, qualifier).rstrip())
        return 0
    if show == "entry":
        out(outside.entry(mode, function, tenant, function, qualifier).rstrip())
        return 0
    if not (account and region):
        raise click.UsageError("--account and --region are needed, or --show with a tool: they are then the template's")
    place = outside.Place.at(stack, account, region)
    if show == "policy":
        json_out(outside.policy(place, mode, function))
    elif show == "environment":
        json_out({"Variables": outside.environment(place, mode, function, tenant)})
    else:
        json_out(outside.destinations(place, mode, qualifier))
    return 0

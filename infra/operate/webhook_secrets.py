"""Show a tenant's webhook secret, or rotate all of them: `python -m infra.operate.webhook_secrets show|rotate …`.

For an operator with AWS credentials that may read (and for `rotate` write) the master key's parameter.
After a rotation both secrets are valid for a day; receivers change within it.
"""

from __future__ import annotations

import argparse
import sys
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.keyring import Keyring, rotate
from infra import stages
from infra.operate.reach import reach
from infra.ship.bootstrap import StackParameter
from infra.ship.deploy import LOCAL_TENANT
from invoke_once.errors import InvokeOnceError


def parameter(stage_name: str) -> StackParameter:
    """The stage's master key; of the stage `local`, on the emulator that is up."""
    stage = stages.load(stage_name)
    return StackParameter(boto3.client("ssm", **reach(stage)), f"/{stage.stack}/master-key")


def run(arguments: argparse.Namespace) -> None:
    found, now_ms = parameter(arguments.stage), time.time_ns() // 1_000_000
    if arguments.command == "rotate":
        keys = rotate(found, now_ms, force=arguments.force)
        print(f"version {keys.current.version} signs from now on; version {keys.current.version - 1} for a day more")
        print("the service takes the new key within five minutes; show each tenant its new secret")
        return
    for secret in Keyring(found).secrets_for(arguments.tenant, now_ms):
        print(str(secret))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.operate.webhook_secrets", description=__doc__)
    parser.add_argument("--stage", default="local")
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="the valid secrets of a tenant, the current one first")
    show.add_argument("--tenant", default=LOCAL_TENANT)
    rotating = commands.add_parser("rotate", help="replace the master key, and with it every tenant's secret")
    rotating.add_argument("--force", action="store_true", help="also within a day of the last rotation: it is leaked")
    try:
        run(parser.parse_args())
    except (InvokeOnceError, stages.StageProblem, BotoCoreError, ClientError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

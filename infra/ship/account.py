"""A stage's stack on AWS, by the caller's credentials; and what can go wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.functions import load
from infra.paths import FUNCTIONS_TOML
from infra.ship import package
from infra.ship.stack import DeployFailed, Stack
from infra.stages import Stage

PROBLEMS = (*package.PROBLEMS, DeployFailed, BotoCoreError, ClientError)


def on_aws(stage: Stage, session: Any = None) -> Stack:
    """The stage's stack, in the account and region of the caller's credentials."""
    session = session or boto3.Session()
    if session.region_name is None:
        raise DeployFailed("no region: set AWS_DEFAULT_REGION, or a region in your AWS profile")
    package.check_regions(load(FUNCTIONS_TOML, stage.stack).values(), session.region_name)
    try:
        found = Stack(session, None, stage.stack, tags=stage.tags, protected=stage.deletion_protection)
        _ = found.names  # asked before minutes of packaging: whether AWS takes this caller's calls
    except (BotoCoreError, ClientError) as problem:
        raise DeployFailed(
            f"AWS takes no calls of yours in {session.region_name}: {problem}. "
            "Credentials come from AWS_PROFILE or the environment, the region from AWS_DEFAULT_REGION."
        ) from problem
    return found


def plainly(command: Callable[[], None]) -> int:
    """The exit code of a command; what went wrong is one sentence on stderr."""
    try:
        command()
    except PROBLEMS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what AWS has begun goes on, and the same command again waits for it", file=sys.stderr)
        return 130
    return 0

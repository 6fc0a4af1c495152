"""A stage's stack on AWS, by the caller's credentials; and what can go wrong with it."""

from __future__ import annotations

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
    return Stack(session, None, stage.stack, tags=stage.tags, protected=stage.deletion_protection)

"""Where a stage's AWS is, as arguments of a boto3 client: the account of the caller's credentials, or the emulator."""

from __future__ import annotations

from infra.paths import ENV_FILE
from infra.ship.deploy import LOCAL_REGION
from infra.ship.env_files import read_env
from infra.stages import Stage, StageProblem

Reach = dict[str, str | None]


def reach(stage: Stage) -> Reach:
    """For an operator's command; StageProblem if the stage is local and the emulator is not up."""
    if not stage.local:
        return {}
    endpoint = read_env(ENV_FILE).get("AWS_ENDPOINT_URL")
    if endpoint is None:
        raise StageProblem("the local AWS is not up: `make up` starts it")
    keys: Reach = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": LOCAL_REGION}
    return {"endpoint_url": endpoint, **keys}

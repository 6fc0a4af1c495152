"""`make undeploy STAGE=…`: the stack goes; tables, bucket and key stay, unless DATA=delete.

Names are computed, so it also finishes what is half there: a creation that failed, a deletion that was interrupted,
data whose stack is long gone. A later `make deploy` of the same stage takes up what is left, with everything in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.functions import load
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.ship.account import on_aws, plainly
from infra.ship.stack import DeployFailed, Stack
from infra.stages import LOCAL

DELETE = "delete"
GONE = ("ResourceNotFoundException", "NoSuchBucket", "ParameterNotFound")


def undeploy(stack: Stack, *, delete_data: bool) -> list[str]:
    """The stack is gone; what is left of it, as a person would name it (nothing with `delete_data`)."""
    stack.delete()
    dynamodb, s3, ssm, logs = (stack.client(service) for service in ("dynamodb", "s3", "ssm", "logs"))
    names = stack.names
    buckets = (names.bucket, names.artifacts)
    if not delete_data:
        looks = [(f"table {name}", partial(dynamodb.describe_table, TableName=name)) for name in names.tables]
        looks += [(f"bucket {name}", partial(s3.get_bucket_location, Bucket=name)) for name in buckets]
        looks += [(f"parameter {name}", partial(ssm.get_parameter, Name=name)) for name in names.parameters]
        return [what for what, look in looks if _there(look)]
    for name in names.tables:
        _there(partial(_delete_table, dynamodb, name))
    for name in buckets:
        _there(partial(_delete_bucket, s3, name))
    for name in names.parameters:
        _there(partial(ssm.delete_parameter, Name=name))
    for name in names.log_groups(load(FUNCTIONS_TOML, stack.name)):
        _there(partial(logs.delete_log_group, logGroupName=name))
    return []


def _there(call: Callable[[], Any]) -> bool:
    """False: what the call is about is not there, which is as well."""
    try:
        call()
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in GONE:
            return False
        raise
    return True


def _delete_table(dynamodb: Any, name: str) -> None:
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.delete_table(TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name)


def _delete_bucket(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            s3.delete_objects(Bucket=name, Delete={"Objects": objects})
    s3.delete_bucket(Bucket=name)


def main() -> None:
    stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else LOCAL)
    if stage.name == LOCAL:
        raise DeployFailed("the stage `local` is the emulator: `make clean-local` forgets it")
    data = sys.argv[2] if len(sys.argv) > 2 else ""
    if data not in ("", DELETE):
        raise DeployFailed(f"DATA={data!r}: only {DELETE} means something")
    kept = undeploy(on_aws(stage), delete_data=data == DELETE)
    print(f"{stage.stack} is gone" + (f"; kept: {', '.join(kept)}" if kept else ", and its data with it"))


if __name__ == "__main__":
    sys.exit(plainly(main))

"""`make undeploy STAGE=…`: the stack goes; tables, bucket and master key stay, unless DATA=delete says otherwise.

A later `make deploy` of the same stage takes the tables and the bucket up again, with everything in them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import boto3

from infra import stages
from infra.ship.deploy import PROBLEMS
from infra.ship.stack import DeployFailed, Stack
from infra.stages import LOCAL

DELETE = "delete"


def undeploy(stack: Stack, *, delete_data: bool) -> list[str]:
    """The stack is gone; what is left of it, as a person would name it (nothing with `delete_data`)."""
    outputs = stack.outputs()
    stack.delete()
    kept = [f"table {outputs['RunsTable']}", f"table {outputs['TokensTable']}", f"bucket {outputs['Bucket']}"]
    kept += [f"parameter /{stack.name}/master-key", f"bucket {stack.artifact_bucket}"]
    if not delete_data:
        return kept
    for name in (outputs["RunsTable"], outputs["TokensTable"]):
        _delete_table(stack.client("dynamodb"), name)
    for bucket in (outputs["Bucket"], stack.artifact_bucket):
        _delete_bucket(stack.client("s3"), bucket)
    ssm = stack.client("ssm")
    with suppress(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name=f"/{stack.name}/master-key")
    return []


def _delete_table(dynamodb: Any, name: str) -> None:
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.delete_table(TableName=name)


def _delete_bucket(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        if found := page.get("Contents"):
            s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": item["Key"]} for item in found]})
    s3.delete_bucket(Bucket=name)


def main() -> int:
    try:
        stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else LOCAL)
        if stage.name == LOCAL:
            raise DeployFailed("the stage `local` is the emulator: `make clean-local` forgets it")
        data = sys.argv[2] if len(sys.argv) > 2 else ""
        if data not in ("", DELETE):
            raise DeployFailed(f"DATA={data!r}: only {DELETE} means something")
        kept = undeploy(Stack(boto3.Session(), None, stage.stack), delete_data=data == DELETE)
    except PROBLEMS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(f"{stage.stack} is gone" + (f"; kept: {', '.join(kept)}" if kept else ", and its data with it"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What tests of faults do to a stack behind its API: look at its table, step its times, call and kill its functions."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from infra.local.emulator import Emulator
from tests.service import Service


def head(service: Service, run_id: str, part: str = "head") -> dict[str, Any]:
    key = {"run_id": {"S": run_id}, "part": {"S": part}}
    found = _dynamodb(service).get_item(TableName=f"{service.stack}-runs", Key=key, ConsistentRead=True)
    return _plain(found.get("Item", {}))


def heads(service: Service, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """At most a hundred, in their order; each of them exists."""
    table = f"{service.stack}-runs"
    keys = [{"run_id": {"S": run_id}, "part": {"S": "head"}} for run_id in run_ids]
    answer = _dynamodb(service).batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
    found = {item["run_id"]["S"]: _plain(item) for item in answer["Responses"][table]}
    return [found[run_id] for run_id in run_ids]


@cache
def _dynamodb(service: Service) -> Any:
    """One client: who asks again and again would spend more on making clients than on asking."""
    return service.aws("dynamodb")


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in item.items()}


def make_due(service: Service, *run_ids: str, part: str = "head") -> None:
    """Its next look is now, as if the minutes until then had passed."""
    for run_id in run_ids:
        service.aws("dynamodb").update_item(
            TableName=f"{service.stack}-runs", Key={"run_id": {"S": run_id}, "part": {"S": part}},
            UpdateExpression="SET due_at = :now", ConditionExpression="attribute_exists(due_at)",
            ExpressionAttributeValues={":now": {"N": str(int(time.time() * 1000) - 1)}},
        )  # fmt: skip


def invoke(service: Service, function: str, event: Any) -> Any:
    answer = service.aws("lambda").invoke(FunctionName=service.target(function), Payload=json.dumps(event))
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def bodies_run(service: Service, counter: str) -> int:
    """How often the body of `count` ran under this name, by the counter itself."""
    key = {"run_id": {"S": f"counter#{counter}"}, "part": {"S": "counter"}}
    found = service.aws("dynamodb").get_item(TableName=f"{service.stack}-runs", Key=key, ConsistentRead=True)
    return len(found.get("Item", {}).get("marks", {}).get("SS", []))


def workers_of(service: Service, emulator: Emulator, function: str) -> list[int]:
    """The processes in which this function runs."""
    mine = f"AWS_LAMBDA_FUNCTION_NAME={service.target(function)}\0".encode()
    found = []
    for pid in emulator.workers():
        try:
            if mine in Path(f"/proc/{pid}/environ").read_bytes() + b"\0":
                found.append(pid)
        except OSError:
            continue
    return found


def kill_all(service: Service, emulator: Emulator, function: str) -> int:
    pids = workers_of(service, emulator, function)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return len(pids)


def later(service: Service, run_id: str, part: str, name: str, ms: int) -> None:
    """As if `ms` had passed since this time was written: DynamoDB has no clock to step."""
    service.aws("dynamodb").update_item(
        TableName=f"{service.stack}-runs", Key={"run_id": {"S": run_id}, "part": {"S": part}},
        UpdateExpression="SET #n = #n - :ms", ConditionExpression="attribute_exists(#n)",
        ExpressionAttributeNames={"#n": name}, ExpressionAttributeValues={":ms": {"N": str(ms)}},
    )  # fmt: skip


@contextmanager
def stream_stopped(service: Service) -> Iterator[None]:
    client = service.aws("lambda")
    function = f"{service.stack}-stream"
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

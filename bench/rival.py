"""The hand-written glue, deployed beside the service: a table, an API, two functions. Same emulator, same libraries."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.stand import STACK, Stand, until
from infra import stages
from infra.local.emulator import REGION
from infra.paths import BUILD

PYTHON = stages.load(stages.LOCAL).python
HERE = Path(__file__).resolve().parent / "functions"
TABLE = f"{STACK}-glue"
_ROLE = "arn:aws:iam::000000000000:role/bench"


@dataclass(frozen=True)
class Rival:
    """The glue, ready: `start(value)` is its POST, `ended(id)` waits for its row."""

    stand: Stand
    url: str

    def start(self, value: Any) -> str:
        answer = self.stand.http.post(self.url, json={"function": "echo", "input": value})
        if answer.status_code != 202:
            raise RuntimeError(f"the glue answered {answer.status_code}: {answer.text[:200]}")
        return str(answer.json()["id"])

    def ended(self, job_id: str) -> None:
        dynamodb = self.stand.aws("dynamodb")

        def done() -> bool:
            item = dynamodb.get_item(TableName=TABLE, Key={"id": {"S": job_id}}, ConsistentRead=True)["Item"]
            return bool(item["status"]["S"] == "succeeded")

        until(done, 30, f"the glue's {job_id} did not end")


def table(dynamodb: Any, name: str, key: str = "id") -> None:
    """A plain on-demand table with a text key."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
    )


def deploy(stand: Stand) -> Rival:
    """The glue as its author would have it: Chalice's runtime in its zip, boto3 from the Lambda runtime."""
    table(stand.aws("dynamodb"), TABLE)
    settings = {"TABLE": TABLE, "TARGET": f"{STACK}-glue-target"}
    function(stand, "glue-target", "glue_target.handler", settings, {})
    arn = function(stand, "glue-api", "glue_api.app", settings, _chalice())
    return Rival(stand, f"{_api(stand, arn)}/jobs")


def loop(stand: Stand, target: str) -> Callable[[int], float]:
    """A script's loop, ready: put a row and fire the Lambda, so many times. It returns the seconds that took."""
    dynamodb, lambda_, name = stand.aws("dynamodb"), stand.aws("lambda"), f"{TABLE}-loop"
    table(dynamodb, name)

    def run(count: int) -> float:
        ids = [uuid.uuid4().hex for _ in range(count)]
        began = time.perf_counter()
        for n, job_id in enumerate(ids):
            value = {"order": n}
            dynamodb.put_item(
                TableName=name, ConditionExpression="attribute_not_exists(id)",
                Item={"id": {"S": job_id}, "status": {"S": "queued"}, "input": {"S": json.dumps(value)}},
            )  # fmt: skip
            event = json.dumps({"id": job_id, "input": value}).encode()
            lambda_.invoke(FunctionName=target, InvocationType="Event", Payload=event)
        return time.perf_counter() - began

    return run


def _chalice() -> dict[str, bytes]:
    """Chalice's runtime as Chalice itself packages it."""
    with zipfile.ZipFile(BUILD / "local" / "deployment.zip") as ours:
        return {name: ours.read(name) for name in ours.namelist() if name.startswith("chalice/")}


def function(stand: Stand, name: str, handler: str, settings: Mapping[str, str], more: Mapping[str, bytes]) -> str:
    """A Python function of `functions/`; returns its ARN."""
    module = handler.partition(".")[0] + ".py"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for inside, data in {**more, module: (HERE / module).read_bytes()}.items():
            opened.writestr(inside, data)
    made = stand.aws("lambda").create_function(
        FunctionName=f"{STACK}-{name}", Runtime=PYTHON, Handler=handler, Role=_ROLE, Timeout=30, MemorySize=512,
        Code={"ZipFile": archive.getvalue()}, Environment={"Variables": dict(settings)},
    )  # fmt: skip
    return str(made["FunctionArn"])


def _api(stand: Stand, function_arn: str) -> str:
    gateway = stand.aws("apigateway")
    api = gateway.create_rest_api(name=f"{STACK}-glue")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    resource = gateway.create_resource(restApiId=api, parentId=root, pathPart="jobs")["id"]
    gateway.put_method(restApiId=api, resourceId=resource, httpMethod="POST", authorizationType="NONE")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    gateway.put_integration(
        restApiId=api, resourceId=resource, httpMethod="POST", type="AWS_PROXY", integrationHttpMethod="POST", uri=uri
    )
    gateway.create_deployment(restApiId=api, stageName="api")
    time.sleep(0.1)
    return f"{stand.endpoint}/restapis/{api}/api/_user_request_"

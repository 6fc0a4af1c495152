"""A function that still has the library of an earlier release, under today's service."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.paths import ROOT
from infra.ship import zips
from tests.service import Service, until

WRAPPERS = sorted((Path(__file__).parent.parent / "fixtures" / "wrappers").glob("*.zip"))
JOBS = ("echo", "fail")
OPENED = "any-run"


@pytest.fixture(scope="module", params=WRAPPERS, ids=lambda path: path.stem)
def older(request: pytest.FixtureRequest, service: Service) -> Iterator[Service]:
    """The service, with an earlier release's library in two of its functions; put right again afterwards."""
    library = zips.read(request.param)
    jobs = {
        f"chalicelib/jobs/{name}.py": (ROOT / f"chalicelib/jobs/{name}.py").read_bytes() for name in (*JOBS, "inputs")
    }
    packages = {f"chalicelib/{name}": b"" for name in ("__init__.py", "jobs/__init__.py")}
    data = zipped({**library, **packages, **jobs})
    for name in JOBS:
        use(service, name, ZipFile=data)
        open_role(service, name)
    yield service
    stack = service.aws("cloudformation").describe_stacks(StackName=service.stack)["Stacks"][0]
    values = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
    for name in JOBS:
        use(service, name, S3Bucket=values["ArtifactBucket"], S3Key=values["CodeKey"])
        service.aws("iam").delete_role_policy(RoleName=role_of(service, name), PolicyName=OPENED)


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return held.getvalue()


def use(service: Service, function: str, **code: Any) -> None:
    aws, name = service.aws("lambda"), service.target(function)
    aws.update_function_code(FunctionName=name, **code)
    until(lambda: aws.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")


def role_of(service: Service, function: str) -> str:
    found = service.aws("lambda").get_function_configuration(FunctionName=service.target(function))
    return str(found["Role"].rpartition("/")[2])


def open_role(service: Service, function: str) -> None:
    """As `any_run` of the stage does it, for wrappers that know no ids and objects by function."""
    actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "s3:GetObject", "s3:PutObject"]
    on = [f"arn:aws:dynamodb:*:*:table/{service.stack}-runs", f"arn:aws:s3:::{service.deployed.outputs['Bucket']}/*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": on}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    service.aws("iam").put_role_policy(RoleName=role_of(service, function), PolicyName=OPENED, PolicyDocument=document)


def test_it_runs_what_is_fired_and_its_outcome_is_told(older: Service) -> None:
    run = older.do("echo", {"a": [1, "ü"]}, key=uuid.uuid4().hex)
    assert (run["status"], run["output"], run["attempt"]) == ("succeeded", {"a": [1, "ü"]}, 1)


def test_large_payloads_pass_in_both_directions(older: Service) -> None:
    text = uuid.uuid4().hex * 10_000  # fired by reference
    run = older.do("echo", text, key=uuid.uuid4().hex)
    output = older.req("GET", f"/runs/{run['id']}/output", follow_redirects=True)
    assert output.json() == text


def test_its_failures_are_retried_and_recorded(older: Service) -> None:
    retry = {"max_attempts": 2, "backoff_seconds": 0}
    run = older.do("fail", {"times": 1}, key=uuid.uuid4().hex, retry=retry)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
    run = older.do("fail", {"times": 9, "message": "no luck"}, key=uuid.uuid4().hex)
    assert (run["status"], run["error"]["message"]) == ("failed", "no luck")


def test_a_direct_call_registers_itself(older: Service) -> None:
    event = {"id": str(uuid.uuid4()), "detail-type": "order", "source": "shop", "time": "2027-01-15T08:00:00Z",
             "detail": {"a": 1}}  # fmt: skip
    older.aws("lambda").invoke(FunctionName=older.target("echo"), Payload=json.dumps(event).encode())
    # under the id that 0.1.0 derives: `key=` does not find it, the list does
    listed = older.req("GET", "/runs?function=echo&limit=50").json()["runs"]
    assert [run["status"] for run in listed if run["idempotency_key"] == event["id"]] == ["succeeded"]

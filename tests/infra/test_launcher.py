"""The one gap that our launcher fills in the emulator: OnSuccess destinations; and that it is still a gap."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.emulator import Emulator, answers, any_free_port
from infra.paths import EMULATOR_VENV
from tests.service import until

ROLE = "arn:aws:iam::000000000000:role/any"
TALKER = """
import json, os, urllib.request
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as asked")
    return {"hello": event["name"]}
"""
LISTENER = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""


@dataclass
class Pair:
    """Two functions: `talker`, and `listener`, which writes what it is told into a queue."""

    clients: Any
    queue: str
    listener: str

    def told(self, timeout: float = 10) -> dict[str, Any]:
        sqs = self.clients("sqs")

        def received() -> Any:
            return sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=1).get("Messages")

        message = until(received, timeout, "nothing came to the destination")[0]
        sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        told: dict[str, Any] = json.loads(message["Body"])
        return told


def make_pair(endpoint: str, name: str) -> Pair:
    def clients(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    queue = clients("sqs").create_queue(QueueName=name)["QueueUrl"]
    functions = clients("lambda")
    for each, code in ((f"{name}-talker", TALKER), (f"{name}-listener", LISTENER)):
        functions.create_function(
            FunctionName=each, Runtime="python3.11", Role=ROLE, Handler="code.handler", Code={"ZipFile": zipped(code)},
            Environment={"Variables": {"QUEUE": queue}},
        )  # fmt: skip
    listener = functions.get_function(FunctionName=f"{name}-listener")["Configuration"]["FunctionArn"]
    functions.put_function_event_invoke_config(
        FunctionName=f"{name}-talker", MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": listener}, "OnFailure": {"Destination": listener}},
    )  # fmt: skip
    return Pair(clients, queue, listener)


def zipped(code: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("code.py", code)
    return data.getvalue()


@pytest.fixture(scope="module")
def pair(emulator: Emulator) -> Pair:
    return make_pair(emulator.url, "launcher-test")


def test_a_success_reaches_its_destination_as_aws_documents_it(pair: Pair) -> None:
    invoke(pair, "launcher-test", {"name": "Ada"})
    told = pair.told()
    assert told["version"] == "1.0"
    assert told["timestamp"].endswith("Z")
    assert set(told["requestContext"]) == {"requestId", "functionArn", "condition", "approximateInvokeCount"}
    assert told["requestContext"]["condition"] == "Success"
    assert told["requestContext"]["approximateInvokeCount"] == 1
    assert told["requestContext"]["functionArn"].endswith(":launcher-test-talker:$LATEST")
    assert told["requestPayload"] == {"name": "Ada"}
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert told["responsePayload"] == {"hello": "Ada"}


def test_a_failure_still_reaches_its_destination_once(pair: Pair) -> None:
    invoke(pair, "launcher-test", {"fail": True})
    told = pair.told()
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["responseContext"]["functionError"] == "Unhandled"


def test_a_synchronous_call_tells_no_destination(pair: Pair) -> None:
    functions = pair.clients("lambda")
    functions.invoke(FunctionName="launcher-test-talker", Payload=b'{"name": "nobody"}')
    invoke(pair, "launcher-test", {"name": "marker"})
    assert pair.told()["requestPayload"] == {"name": "marker"}


@pytest.fixture
def untouched(local_directory: Path) -> Iterator[str]:
    """The emulator as it comes, without our launcher."""
    home = local_directory / "emulator-untouched"
    running = Emulator(home)
    for name in ("aws", "s3", "tmp"):
        (home / name).mkdir(parents=True, exist_ok=True)
    port = any_free_port()
    process = subprocess.Popen(
        [str(EMULATOR_VENV / "bin" / "python"), "-m", "ministack"],
        env=running.environment(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home,
    )  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(endpoint), 30, "the emulator did not start")
        yield endpoint
    finally:
        process.terminate()
        process.wait(30)
        running.forget()


def test_the_emulator_alone_still_delivers_no_success(untouched: str) -> None:
    """When this fails, the emulator has learnt it: remove the patch from infra/ministack_launcher.py."""
    pair = make_pair(untouched, "gap-test")
    invoke(pair, "gap-test", {"name": "lost"})
    invoke(pair, "gap-test", {"fail": True})
    assert pair.told()["requestContext"]["condition"] == "RetriesExhausted"


def invoke(pair: Pair, name: str, event: dict[str, Any]) -> None:
    pair.clients("lambda").invoke(
        FunctionName=f"{name}-talker", InvocationType="Event", Payload=json.dumps(event).encode()
    )

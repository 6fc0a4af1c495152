"""The gaps that our launcher fills in the emulator: that they are filled, and that they are still gaps."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local.emulator import Emulator, answers, any_free_port
from infra.paths import EMULATOR_VENV, ROOT
from tests.service import until

ROLE = "arn:aws:iam::000000000000:role/any"
TALKER = """
import json, os, time, boto3
def handler(event, context):
    if "seconds" in event:
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps("began"))
        time.sleep(event["seconds"])
    if event.get("fail"):
        raise ValueError("as asked, in request " + context.aws_request_id)
    return {"hello": event["name"]}
"""
LISTENER = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event))
"""

SLOW_TO_START = """
import os, time
time.sleep(1)
def handler(event, context):
    return os.getpid()
"""
TELLS_ITS_START = """
import json, os, time, boto3
boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps("starting"))
time.sleep(1)
def handler(event, context):
    return "answered"
"""
CROWD = 8


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


def test_a_failure_is_told_whole_with_the_request_s_own_id(pair: Pair) -> None:
    invoke(pair, "launcher-test", {"fail": True})
    told = pair.told()
    context = told["requestContext"]
    assert set(told) == {
        "version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"
    }  # fmt: skip
    assert context["functionArn"].endswith(":launcher-test-talker:$LATEST")
    assert context["approximateInvokeCount"] == 1
    assert context["requestId"] in told["responsePayload"]["errorMessage"]


def test_a_synchronous_call_tells_no_destination(pair: Pair) -> None:
    functions = pair.clients("lambda")
    functions.invoke(FunctionName="launcher-test-talker", Payload=b'{"name": "nobody"}')
    invoke(pair, "launcher-test", {"name": "marker"})
    assert pair.told()["requestPayload"] == {"name": "marker"}


def test_a_table_s_stream_is_heard_after_a_restart_too(local_directory: Path) -> None:
    emulator = Emulator(local_directory / "emulator-restarted")
    try:
        pair = make_pair(emulator.start(), "stream-test")
        listen_to_table(pair, "stream-test")
        for name in ("one", "two", "three"):
            put(pair, "stream-test", name)
        assert heard(pair, 3) == ["one", "two", "three"]
        emulator.stop()
        emulator.start()
        put(pair, "stream-test", "four")
        assert heard(pair, 1) == ["four"]
    finally:
        emulator.forget()


def listen_to_table(pair: Pair, name: str) -> None:
    """A table with a stream that the pair's listener is told of."""
    table = pair.clients("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]  # fmt: skip
    pair.clients("lambda").create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"], FunctionName=f"{name}-listener", StartingPosition="TRIM_HORIZON"
    )


def position_kept(pair: Pair) -> bool:
    """The mapping has noted its last batch as read; the listener's answer comes a moment before."""
    (mapping,) = pair.clients("lambda").list_event_source_mappings()["EventSourceMappings"]
    return str(mapping.get("LastProcessingResult", "")).startswith("OK")


def put(pair: Pair, table: str, name: str) -> None:
    pair.clients("dynamodb").put_item(TableName=table, Item={"name": {"S": name}})


def heard(pair: Pair, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        names += [record["dynamodb"]["Keys"]["name"]["S"] for record in pair.told()["Records"]]
    return names


def test_an_invocation_that_runs_while_its_function_is_changed_ends_as_it_began(pair: Pair) -> None:
    assert changed_meanwhile(pair, "launcher-test") == {"hello": "Ada"}
    assert invoked(pair, "launcher-test", {"name": "Ada"}) == "changed"
    pair.clients("lambda").update_function_code(FunctionName="launcher-test-talker", ZipFile=zipped(TALKER))


def test_one_whose_environment_still_starts_then_does_too(pair: Pair) -> None:
    functions, name = pair.clients("lambda"), "launcher-test-talker"
    functions.update_function_code(FunctionName=name, ZipFile=zipped(TELLS_ITS_START))
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(invoked, pair, "launcher-test", {})
            assert pair.told() == "starting"
            functions.update_function_configuration(FunctionName=name, Description="changed")
            assert answer.result() == "answered"
    finally:
        functions.update_function_code(FunctionName=name, ZipFile=zipped(TALKER))


def test_one_whose_process_is_still_to_start_counts_as_running() -> None:
    """Its files are being unpacked then: too short a moment to be met from outside."""
    asked = "[launcher._is_busy(SimpleNamespace(in_use=in_use, _proc=None)) for in_use in (True, False)]"
    program = f"from types import SimpleNamespace; from infra.local import launcher; print({asked})"
    told = subprocess.run([EMULATOR_VENV / "bin" / "python", "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.splitlines()[-1:] == ["[True, False]"], told.stderr


def changed_meanwhile(pair: Pair, name: str) -> Any:
    """What an invocation answers whose function gets other code while it runs."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(invoked, pair, name, {"name": "Ada", "seconds": 1})
        assert pair.told() == "began"
        code = zipped("def handler(event, context):\n    return 'changed'\n")
        pair.clients("lambda").update_function_code(FunctionName=f"{name}-talker", ZipFile=code)
        return answer.result()


def test_a_crowd_of_invocations_is_served_by_the_few_processes_that_may_start_at_once(pair: Pair) -> None:
    assert len(processes_of_a_crowd(pair, "launcher-test")) < CROWD


def processes_of_a_crowd(pair: Pair, name: str) -> set[int]:
    """Which processes answered, of a function that nobody has called before."""
    functions = pair.clients("lambda")
    functions.create_function(
        FunctionName=f"{name}-crowd", Runtime="python3.11", Role=ROLE, Handler="code.handler",
        Code={"ZipFile": zipped(SLOW_TO_START)}, Timeout=30,
    )  # fmt: skip
    with ThreadPoolExecutor(CROWD) as pool:
        answers = pool.map(lambda _: functions.invoke(FunctionName=f"{name}-crowd")["Payload"].read(), range(CROWD))
        return {json.loads(answer) for answer in answers}


def invoked(pair: Pair, name: str, event: dict[str, Any]) -> Any:
    answer = pair.clients("lambda").invoke(FunctionName=f"{name}-talker", Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


class Untouched:
    """The emulator as it comes, without our launcher."""

    def __init__(self, home: Path) -> None:
        self._instance = Emulator(home)
        self._port = any_free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        for name in ("aws", "s3", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(EMULATOR_VENV / "bin" / "python"), "-m", "ministack"], env=self._instance.environment(self._port),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._instance.home,
        )  # fmt: skip
        until(lambda: answers(self.endpoint), 30, "the emulator did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def forget(self) -> None:
        self.stop()
        self._instance.forget()


@pytest.fixture
def untouched(local_directory: Path) -> Iterator[Untouched]:
    emulator = Untouched(local_directory / "emulator-untouched")
    emulator.start()
    yield emulator
    emulator.forget()


def test_the_emulator_alone_still_delivers_no_success(untouched: Untouched) -> None:
    """When this fails, the emulator has learnt it: remove that part of infra/local/launcher.py."""
    pair = make_pair(untouched.endpoint, "gap-test")
    invoke(pair, "gap-test", {"name": "lost"})
    invoke(pair, "gap-test", {"fail": True})
    context = pair.told()["requestContext"]
    assert context["condition"] == "RetriesExhausted"
    assert "requestId" not in context


def test_the_emulator_alone_still_sleeps_through_a_stream_after_a_restart(untouched: Untouched) -> None:
    """As above, for the second part."""
    pair = make_pair(untouched.endpoint, "deaf-test")
    listen_to_table(pair, "deaf-test")
    put(pair, "deaf-test", "one")
    assert heard(pair, 1) == ["one"]
    until(lambda: position_kept(pair), message="the batch did not end")
    untouched.stop()
    untouched.start()
    put(pair, "deaf-test", "two")
    put(pair, "deaf-test", "three")
    assert heard(pair, 1) == ["three"]


def test_the_emulator_alone_still_ends_what_runs_when_its_function_is_changed(untouched: Untouched) -> None:
    """As above, for the third part."""
    pair = make_pair(untouched.endpoint, "ended-test")
    assert "errorMessage" in changed_meanwhile(pair, "ended-test")


def test_the_emulator_alone_still_starts_a_process_for_each_of_a_crowd(untouched: Untouched) -> None:
    """As above, for the sixth part."""
    assert len(processes_of_a_crowd(make_pair(untouched.endpoint, "crowd-test"), "crowd-test")) == CROWD


def invoke(pair: Pair, name: str, event: dict[str, Any]) -> None:
    pair.clients("lambda").invoke(
        FunctionName=f"{name}-talker", InvocationType="Event", Payload=json.dumps(event).encode()
    )

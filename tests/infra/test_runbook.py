"""docs/how-to/runbook.md, tried where the emulator can: alarms on our own log lines, and the queues of what failed."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from infra import stages
from infra.operate import failed
from infra.operate.failed import Failed
from infra.template import alarms
from tests.receiver import Receiver
from tests.service import Service, until

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def told(service: Service) -> Iterator[str]:
    """The alarms and their topic as a stack of their own, and the URL of a queue that the topic fills."""
    name, cloudformation = f"{service.stack}-alarmed", service.aws("cloudformation")
    # the emulator has no metric math
    known = {n: r for n, r in alarms.resources(stages.load("prod")).items() if "Metrics" not in r["Properties"]}
    template = {"Parameters": alarms.parameters(stages.load("prod")), "Conditions": alarms.conditions(),
                "Resources": known}  # fmt: skip
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    until(lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    sqs, sns = service.aws("sqs"), service.aws("sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    sns.subscribe(TopicArn=next(t for t in topics if t.endswith(f"{name}-alarms")), Protocol="sqs", Endpoint=arn)
    yield queue
    cloudformation.delete_stack(StackName=name)
    sqs.delete_queue(QueueUrl=queue)


def as_cloudwatch_would(service: Service, line: dict[str, Any], **instead: float) -> None:
    """Take the metrics out of a log line, which the emulator does not do by itself."""
    for block in line["_aws"]["CloudWatchMetrics"]:
        values = [
            {"MetricName": m["Name"], "Unit": m["Unit"], "Value": instead.get(m["Name"], line[m["Name"]]),
             "Dimensions": [{"Name": name, "Value": line[name]} for name in block["Dimensions"][0]]}
            for m in block["Metrics"]
        ]  # fmt: skip
        service.aws("cloudwatch").put_metric_data(Namespace=block["Namespace"], MetricData=values)


def log_lines(service: Service, function: str, event: str) -> Lines:
    """The lines of this event that a function printed, oldest first."""
    request = {"logGroupName": f"/aws/lambda/{service.stack}-{function}", "filterPattern": f'"{event}"'}
    messages = [found["message"] for found in service.aws("logs").filter_log_events(**request)["events"]]
    lines = [json.loads(message[message.index("{") :]) for message in messages if f'"event":"{event}"' in message]
    return [line for line in lines if "_aws" in line]


def state(service: Service, name: str) -> str:
    (found,) = service.aws("cloudwatch").describe_alarms(AlarmNames=[f"{service.stack}-alarmed-{name}"])["MetricAlarms"]
    return str(found["StateValue"])


def swept(service: Service) -> dict[str, Any]:
    """A sweep started by hand, as the runbook says; its log line."""
    answer = service.aws("lambda").invoke(FunctionName=service.target("sweep"))
    assert "FunctionError" not in answer, answer["Payload"].read()
    return until(lambda: log_lines(service, "sweep", "swept"))[-1]


def test_an_old_due_run_is_an_alarm_that_the_topic_tells_and_takes_back(service: Service, told: str) -> None:
    line = swept(service)
    as_cloudwatch_would(service, line, oldest_due_ms=11 * 60_000)
    until(lambda: state(service, "OldestDue") == "ALARM")
    message = first_message(service, told, "OldestDue")
    assert message["NewStateValue"] == "ALARM" and message["AlarmDescription"].endswith("docs/how-to/runbook.md")


def first_message(service: Service, queue: str, alarm: str) -> dict[str, Any]:
    """What the topic told of one alarm."""

    def look() -> dict[str, Any] | None:
        for found in service.aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            inner: dict[str, Any] = json.loads(json.loads(found["Body"])["Message"])
            if inner["AlarmName"].endswith(alarm):
                return inner
        return None

    found = until(look)
    assert found is not None
    return found


def test_a_sweep_by_hand_satisfies_the_alarm_that_waits_for_one(service: Service, told: str) -> None:
    as_cloudwatch_would(service, swept(service), Sweeps=0)
    as_cloudwatch_would(service, swept(service))
    until(lambda: state(service, "SweepNotRunning") == "OK")


def test_failing_callbacks_are_an_alarm(service: Service, told: str) -> None:
    with Receiver(plan=(410,)) as receiver:
        run = service.do("echo", 1, key=uuid.uuid4().hex, callback={"url": receiver.url})
        until(lambda: service.run(run["id"])["callback"]["status"] == "failed")
    line = until(lambda: [found for found in log_lines(service, "attend", "callback") if found["run_id"] == run["id"]])
    as_cloudwatch_would(service, line[0])
    until(lambda: state(service, "CallbacksGivenUp") == "ALARM")
    for _ in range(10):
        as_cloudwatch_would(service, line[0])
    until(lambda: state(service, "CallbacksFailing") == "ALARM")


@pytest.fixture
def reach(service: Service) -> dict[str, str | None]:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return {"endpoint_url": service.endpoint, **keys}


def put(service: Service, queue: str, body: Any) -> None:
    sqs = service.aws("sqs")
    url = sqs.get_queue_url(QueueName=f"{service.stack}-{queue}")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))


def test_an_outcome_that_was_not_recorded_is_recorded_again(service: Service, reach: dict[str, Any]) -> None:
    """What Lambda leaves in the queue when `record` has failed three times: a record about a record."""
    aws = service.aws("lambda")
    aws.put_function_event_invoke_config(
        FunctionName=service.target("node-hello"), Qualifier="$LATEST", MaximumRetryAttempts=0
    )  # so that nobody is told: the outcome of this run is in our hands alone
    try:
        started = service.start("node-hello", {"name": "Ada"}, key=uuid.uuid4().hex).json()
        envelope = until(lambda: head_of(service, started["id"]))
        outcome = {
            "requestContext": {"condition": "Success", "functionArn": "", "requestId": "r"},
            "requestPayload": {"name": "Ada", "invoke_once": envelope},
            "responsePayload": {"hello": "Ada"},
        }
        put(
            service,
            "record-failures",
            {"requestPayload": outcome, "responsePayload": {"errorType": "StoreUnavailable"}},
        )
        queue = Failed(service.stack, "record", reach)
        assert list(queue.again()) == [f"{started['id']}  StoreUnavailable"]
        assert service.wait(started["id"])["output"] == {"hello": "Ada"}
    finally:
        aws.put_function_event_invoke_config(
            FunctionName=service.target("node-hello"), Qualifier="$LATEST", MaximumRetryAttempts=0,
            DestinationConfig={way: {"Destination": arn(service, "record")} for way in ("OnSuccess", "OnFailure")},
        )  # fmt: skip


def arn(service: Service, function: str) -> str:
    found = service.aws("lambda").get_function_configuration(FunctionName=service.target(function))
    return str(found["FunctionArn"])


def head_of(service: Service, run_id: str) -> dict[str, Any] | None:
    """The envelope of a run's attempt, from the table: what was fired."""
    key = {"run_id": {"S": run_id}, "part": {"S": "head"}}
    item = service.aws("dynamodb").get_item(TableName=f"{service.stack}-runs", Key=key, ConsistentRead=True)["Item"]
    if "lease_id" not in item:
        return None
    return {"run_id": run_id, "generation": item["generation"]["S"], "attempt": 1, "lease_id": item["lease_id"]["S"],
            "v": 1}  # fmt: skip


def test_a_dead_wake_message_is_looked_at_again_or_dropped(service: Service, reach: dict[str, Any]) -> None:
    run = service.do("echo", 1, key=uuid.uuid4().hex)
    queue = Failed(service.stack, "wake", reach)
    put(service, "wake-dead-letters", {"run_id": run["id"]})
    assert list(queue.again()) == [run["id"]]
    put(service, "wake-dead-letters", {"no": "run"})
    assert list(queue.drop()) == ["None"]
    assert list(queue.drop()) == []


def test_a_stream_record_that_failed_is_listed_and_dropped(
    service: Service, reach: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = {"batchSize": 3, "approximateArrivalOfLastRecord": "2026-01-01T00:00:00Z"}
    put(service, "stream-failures", {"DDBStreamBatchInfo": batch})
    queue = Failed(service.stack, "stream", reach, hidden_s=2)
    assert list(queue.list()) == ["3 records until 2026-01-01T00:00:00Z"]
    monkeypatch.setattr(sys, "argv", ["failed", "stream", "again"])
    with pytest.raises(SystemExit):
        failed.main()
    assert "nothing to do again" in capsys.readouterr().err
    assert until(lambda: list(queue.drop())) == ["3 records until 2026-01-01T00:00:00Z"]

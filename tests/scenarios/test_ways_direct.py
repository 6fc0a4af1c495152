"""A function is called without the API: by SDKs that fire again, by rules, queues, buckets and topics."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config

from tests.service import TERMINAL, Service, until


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:10]}"


def call(service: Service, function: str, payload: Any, **more: Any) -> Any:
    """A synchronous call's payload; the error's object where it failed."""
    answer = service.aws("lambda").invoke(
        FunctionName=service.target(function), Payload=json.dumps(payload).encode(), **more
    )
    return json.loads(answer["Payload"].read())


def fire(service: Service, function: str, payload: Any) -> None:
    service.aws("lambda").invoke(
        FunctionName=service.target(function), InvocationType="Event", Payload=json.dumps(payload).encode()
    )


def run_with_key(service: Service, function: str, part: str, timeout: float = 20) -> dict[str, Any]:
    """The ended run of `function` whose key contains `part`, as a listing shows it."""

    def found() -> dict[str, Any] | None:
        runs = service.req("GET", "/runs", params={"function": function, "limit": 50}).json()["runs"]
        mine = [run for run in runs if part in (run["idempotency_key"] or "")]
        return mine[0] if mine and mine[0]["status"] in TERMINAL else None

    run = until(found, timeout, f"no ended run of {function} with the key {part}")
    return service.run(run["id"])


def counted(service: Service, counter: str) -> int:
    """How often the body of `count` ran under this name."""
    found = service.aws("dynamodb").get_item(
        TableName=f"{service.stack}-runs", Key={"run_id": {"S": f"counter#{counter}"}, "part": {"S": "counter"}}
    )
    return len(found.get("Item", {}).get("marks", {}).get("SS", []))


def test_a_synchronous_call_that_an_sdk_fires_again_is_one_run_with_its_answer(service: Service) -> None:
    counter = unique("refired")
    impatient = Config(read_timeout=2, retries={"mode": "standard", "total_max_attempts": 8})
    answer = service.aws("lambda", config=impatient).invoke(
        FunctionName=service.target("count"), Payload=json.dumps({"counter": counter, "seconds": 3}).encode()
    )
    assert answer["ResponseMetadata"]["RetryAttempts"] >= 1, "it was to be fired again"
    assert json.loads(answer["Payload"].read()) == {"counter": counter, "count": 1}
    assert counted(service, counter) == 1


def test_equal_callers_at_once_get_one_answer(service: Service) -> None:
    counter = unique("together")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: call(service, "count", {"counter": counter, "seconds": 1}), range(6)))
    assert answers == [{"counter": counter, "count": 1}] * 6
    assert counted(service, counter) == 1


def test_equal_asynchronous_calls_within_the_window_are_one_run(service: Service) -> None:
    counter = unique("events")
    for _ in range(3):
        fire(service, "count", {"counter": counter, "seconds": 0.5})
    assert call(service, "count", {"counter": counter, "seconds": 0.5}) == {"counter": counter, "count": 1}
    runs = service.req("GET", "/runs", params={"function": "count", "limit": 50}).json()["runs"]
    outputs = [service.run(run["id"])["output"] for run in runs]
    assert [o["counter"] for o in outputs if o].count(counter) == 1
    assert counted(service, counter) == 1


def test_a_direct_failure_comes_back_under_its_own_name(service: Service) -> None:
    told = call(service, "report", {"csv": 3})
    assert told["errorMessage"].startswith("`csv` must be a string")


def test_a_plain_invoke_appears_as_a_run(service: Service) -> None:
    mark = unique("sdk")
    assert call(service, "echo", {"mark": mark}) == {"mark": mark}
    runs = service.req("GET", "/runs", params={"function": "echo", "limit": 20}).json()["runs"]
    (mine,) = [run for run in (service.run(run["id"]) for run in runs) if run["output"] == {"mark": mark}]
    assert mine["status"] == "succeeded" and mine["idempotency_key"]
    assert service.req("GET", f"/runs/{mine['id']}/input").json() == {"mark": mark}


@contextmanager
def rule_events(service: Service, rule: str) -> Iterator[str]:
    """The stack's own rule listens to a source of this test for a while, instead of to the clock."""
    events, source = service.aws("events"), unique("source")
    before = events.describe_rule(Name=rule)["ScheduleExpression"]
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}), State="ENABLED")
    try:
        yield source
    finally:
        events.put_rule(Name=rule, ScheduleExpression=before, State="ENABLED")


def test_the_schedule_of_the_stack_runs_report_with_its_result(service: Service) -> None:
    rule = f"{service.stack}-report"
    assert service.aws("events").describe_rule(Name=rule)["ScheduleExpression"] == "rate(1 day)"
    with rule_events(service, rule) as source:
        entry = {"Source": source, "DetailType": "Scheduled Event", "Detail": "{}"}
        event_id = service.aws("events").put_events(Entries=[entry])["Entries"][0]["EventId"]
        run = run_with_key(service, "report", event_id)
    assert run["status"] == "succeeded" and run["idempotency_key"] == event_id
    assert run["output"]["rows"] == 2


def test_an_event_delivered_twice_is_one_run(service: Service) -> None:
    event = {"id": unique("event"), "source": "aws.events", "detail-type": "t", "detail": {"counter": unique("twice")}}
    payload = event | {"counter": event["detail"]["counter"]}
    assert [call(service, "count", payload)["count"] for _ in range(2)] == [1, 1]
    assert run_with_key(service, "count", event["id"])["status"] == "succeeded"


@pytest.fixture
def queue(service: Service) -> Iterator[str]:
    """A queue whose messages go to `echo`."""
    sqs, functions = service.aws("sqs"), service.aws("lambda")
    url = sqs.create_queue(QueueName=unique("orders"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=service.target("echo"), BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]  # fmt: skip
    yield url
    functions.delete_event_source_mapping(UUID=mapping)
    sqs.delete_queue(QueueUrl=url)


def test_each_message_of_a_queue_is_a_run(service: Service, queue: str) -> None:
    entries = [{"Id": str(n), "MessageBody": json.dumps({"n": n})} for n in range(3)]
    sent = service.aws("sqs").send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]
    runs = [run_with_key(service, "echo", message["MessageId"]) for message in sent]
    assert [run["status"] for run in runs] == ["succeeded"] * 3
    bodies = [json.loads(run["output"]["Records"][0]["body"])["n"] for run in runs]
    assert bodies == [int(message["Id"]) for message in sent]


def test_an_object_put_into_a_bucket_is_a_run(service: Service) -> None:
    s3, bucket, name = service.aws("s3"), unique("in"), unique("key")
    s3.create_bucket(Bucket=bucket)
    arn = service.aws("lambda").get_function(FunctionName=service.target("echo"))["Configuration"]["FunctionArn"]
    told = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told)
    s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    run = run_with_key(service, "echo", f"s3:{bucket}/{name}/")
    assert run["output"]["Records"][0]["s3"]["object"]["key"] == name


def test_a_message_of_a_topic_is_a_run(service: Service) -> None:
    sns = service.aws("sns")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    arn = service.aws("lambda").get_function(FunctionName=service.target("echo"))["Configuration"]["FunctionArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    message = sns.publish(TopicArn=topic, Message="hello")["MessageId"]
    run = run_with_key(service, "echo", message)
    assert run["output"]["Records"][0]["Sns"]["Message"] == "hello"


@pytest.mark.parametrize("how", ["exit", "memory"])
def test_the_crash_of_a_direct_run_is_recorded_within_seconds(service: Service, how: str) -> None:
    event = {"id": unique("event"), "source": "test", "detail-type": "t", "how": how}
    fire(service, "crash", event)
    run = run_with_key(service, "crash", event["id"], timeout=10)  # its lease would end after 16 s
    assert (run["status"], run["error"]["type"]) == ("failed", "AttemptLost")


def test_the_crash_of_a_plain_event_call_is_recorded_within_seconds(service: Service) -> None:
    known = {run["id"] for run in service.req("GET", "/runs", params={"function": "crash"}).json()["runs"]}
    fire(service, "crash", {"how": "exit"})

    def crashed() -> bool:
        runs = service.req("GET", "/runs", params={"function": "crash"}).json()["runs"]
        return [run["status"] for run in runs if run["id"] not in known] == ["failed"]

    until(crashed, 10, "the crash was not recorded")


def test_a_call_by_alias_is_a_run_like_any(service: Service) -> None:
    functions, name, mark = service.aws("lambda"), service.target("echo"), unique("alias")
    version = functions.publish_version(FunctionName=name)["Version"]
    alias = unique("live")
    functions.create_alias(FunctionName=name, Name=alias, FunctionVersion=version)
    event = {"id": mark, "source": "test", "detail-type": "t"}
    assert call(service, "echo", event, Qualifier=alias) == event
    assert run_with_key(service, "echo", mark)["function"] == "echo"

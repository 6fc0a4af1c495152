"""Told where teams listen, on the deployed service: a queue, a topic, a bus; refused ones; the trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.service import Service, until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def queue(service: Service) -> Iterator[Queue]:
    """The local stage's own queue, emptied. Topics and rules may write to it, where rights are asked for."""
    found = Queue(service, service.deployed.outputs["CallbackQueue"])
    found.sqs.purge_queue(QueueUrl=found.url)
    senders = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
    allow = {"Effect": "Allow", "Principal": senders, "Action": "sqs:SendMessage", "Resource": found.arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    found.sqs.set_queue_attributes(QueueUrl=found.url, Attributes={"Policy": policy})
    yield found


class Queue:
    def __init__(self, service: Service, arn: str) -> None:
        self.arn, self.sqs = arn, service.aws("sqs")
        self.url = self.sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        self.seen: list[dict[str, Any]] = []

    def message(self, text: str) -> dict[str, Any]:
        """The message whose body has `text`."""

        def arrived() -> dict[str, Any] | None:
            asked = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
            for message in self.sqs.receive_message(QueueUrl=self.url, **asked).get("Messages", []):
                self.seen.append(message)
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            return next((found for found in self.seen if text in found["Body"]), None)

        return until(arrived, 20, f"no message with {text}")


def test_a_queue_is_told_as_a_url_is(service: Service, queue: Queue) -> None:
    run = service.do("echo", {"q": 1}, callback={"url": queue.arn}, headers={"traceparent": TRACE})
    found = queue.message(run["id"])
    event = json.loads(found["Body"])
    assert (event["type"], event["data"]["id"], event["data"]["output"]) == ("run.succeeded", run["id"], {"q": 1})
    told = {name: value["StringValue"] for name, value in found["MessageAttributes"].items()}
    assert (told["type"], told["function"]) == ("run.succeeded", "echo")
    assert told["webhook-signature"].startswith("v1,")
    assert told["traceparent"] == TRACE

    def delivered() -> Any:
        return service.run(run["id"])["callback"]["status"] == "delivered"

    until(delivered, 10)
    (row,) = service.req("GET", f"/runs/{run['id']}/deliveries").json()["deliveries"]
    assert (row["status_code"], row["error"], row["webhook_id"]) == (200, None, told["webhook-id"])
    again = service.req("POST", f"/runs/{run['id']}/deliveries")
    assert again.status_code == 202, again.text
    queue.seen.clear()
    assert queue.message(run["id"])["MessageAttributes"]["webhook-id"]["StringValue"] == told["webhook-id"]


def test_a_topic_passes_it_on(service: Service, queue: Queue) -> None:
    topic = service.deployed.outputs["CallbackTopic"]
    sns = service.aws("sns")
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, ReturnSubscriptionArn=True)
    try:
        run = service.do("echo", {"t": 1}, callback={"url": topic})
        event = json.loads(json.loads(queue.message(run["id"])["Body"])["Message"])
    finally:
        sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
    assert (event["type"], event["data"]["id"]) == ("run.succeeded", run["id"])


def test_a_bus_gets_an_event_that_rules_can_match(service: Service, queue: Queue) -> None:
    bus, events = service.deployed.outputs["CallbackBus"], service.aws("events")
    name = f"telling-{uuid4().hex[:8]}"
    pattern = {"source": ["invoke-once"], "detail-type": ["run.failed"], "detail": {"function": ["fail"]}}
    bus_name = bus.rpartition("/")[2]
    events.put_rule(Name=name, EventBusName=bus_name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus_name, Targets=[{"Id": "1", "Arn": queue.arn}])
    try:
        run = service.do("fail", {"message": "no"}, callback={"url": bus})
        event = json.loads(queue.message(run["id"])["Body"])
    finally:
        events.remove_targets(Rule=name, EventBusName=bus_name, Ids=["1"])
        events.delete_rule(Name=name, EventBusName=bus_name)
    assert (event["source"], event["detail-type"]) == ("invoke-once", "run.failed")
    assert (event["detail"]["id"], event["detail"]["error"]["message"]) == (run["id"], "no")
    assert event["detail"]["webhook_id"].startswith("msg_")


def test_a_queue_that_is_gone_is_in_the_deliveries_and_tried_again(service: Service, queue: Queue) -> None:
    """The queue is taken away for the first try, and is there again for the second, five seconds later."""
    queue.sqs.delete_queue(QueueUrl=queue.url)
    try:
        run = service.do("echo", {"again": 1}, callback={"url": queue.arn})

        def refused() -> Any:
            return service.req("GET", f"/runs/{run['id']}/deliveries").json()["deliveries"]

        (row,) = until(lambda: (rows := refused()) and rows[0]["error"] and rows, 20)
        assert "the queue refused it" in row["error"] and row["next_at"]
    finally:
        queue.sqs.create_queue(QueueName=queue.arn.rpartition(":")[2])
    assert json.loads(queue.message(run["id"])["Body"])["data"]["id"] == run["id"]
    until(lambda: service.run(run["id"])["callback"]["status"] == "delivered", 10)


def test_what_the_stage_does_not_allow_is_refused(service: Service, queue: Queue) -> None:
    for arn in (f"{queue.arn}-not", queue.arn.replace("us-east-1", "eu-west-1"), "arn:aws:lambda:us-east-1:1:x"):
        answer = service.start("echo", 1, callback={"url": arn})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/callback/url"


def test_a_direct_run_is_told_where_the_function_s_callback_says(service: Service, queue: Queue) -> None:
    """As `callback` of functions.toml sets it for functions of the stack, and an operator for those of elsewhere."""
    lambda_, name = service.aws("lambda"), service.target("echo")
    before = lambda_.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    told = {"Variables": before | {"ONCE_CALLBACK": queue.arn}}
    lambda_.update_function_configuration(FunctionName=name, Environment=told)
    try:
        event = {"id": str(uuid4()), "detail-type": "Order", "source": "shop", "detail": {"order": 1}}
        lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        body = json.loads(queue.message(event["id"])["Body"])
    finally:
        lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": before})
    run = body["data"]
    assert (body["type"], run["idempotency_key"], run["output"]) == ("run.succeeded", event["id"], event)
    assert run["callback"]["url"] == queue.arn


def test_a_link_is_a_page_s_way_to_one_run(service: Service) -> None:
    """As a browser on another site has it: the page behind the URL, a preflight, the run and its output."""
    run, other = service.do("echo", {"mine": 1}), service.do("echo", {"mine": 2})
    made = service.req("POST", f"/runs/{run['id']}/links", json={"expires_in_seconds": 60})
    assert made.status_code == 201, made.text
    page, _, fragment = made.json()["url"].partition("#")
    assert fragment == f"/runs/{run['id']}?link={made.json()['token']}"
    assert page == f"{service.url}/"
    assert "invoke-once" in service.req("GET", page, token="").text
    site = {"Origin": "https://elsewhere.example"}
    asked = site | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    before = service.req("OPTIONS", f"/runs/{run['id']}", token="", headers=asked)
    assert before.status_code in (200, 204) and before.headers["access-control-allow-origin"] == "*"
    shown = service.req("GET", f"/runs/{run['id']}", token=made.json()["token"], headers=site)
    assert (shown.status_code, shown.json()["output"]) == (200, {"mine": 1})
    assert shown.headers["access-control-allow-origin"] == "*"
    assert service.req("GET", f"/runs/{other['id']}", token=made.json()["token"]).status_code == 404

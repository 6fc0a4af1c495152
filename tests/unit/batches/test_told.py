"""A batch's outcome told to a queue: by the same delivery as a run's, signed, tried again, recorded."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec import structs

from chalicelib.callbacks import aws_targets
from chalicelib.callbacks.arns import AwsTarget
from chalicelib.callbacks.deliver import Sender, deliver
from chalicelib.callbacks.deliveries import deliveries, send_again
from chalicelib.service import Service
from invoke_once.life.head import Head
from invoke_once.signing import verify
from tests.unit.batches.world import World

QUEUE = "arn:aws:sqs:us-east-1:111122223333:results.fifo"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AWAY = ClientError({"Error": {"Code": "RequestThrottled"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "SendMessage")


class Told(World):
    """What `attend` finds due is sent by the real path, to an SQS client that keeps what it is sent."""

    def __init__(self, targets: Any, *errors: ClientError) -> None:
        super().__init__()
        self.svc = structs.replace(self.svc, settings=structs.replace(self.svc.settings, callback_targets=targets))
        self.meta = SimpleNamespace(endpoint_url="https://sqs.us-east-1.amazonaws.com")
        self.errors, self.sent = list(errors), list[dict[str, Any]]()

    def tell(self, svc: Service, head: Head) -> None:
        def send(to: Any, headers: Any, body: bytes, _on_slow: Any) -> Any:
            assert isinstance(to, AwsTarget)
            return aws_targets.send(to, headers, body, sending=head.cb_base, clients=lambda _service, _region: self)

        deliver(svc, head, Sender(secrets_for=lambda _tenant, _now: [SECRET], send=send))

    def send_message(self, **message: Any) -> dict[str, Any]:
        self.sent.append(message)
        if self.errors:
            raise self.errors.pop()
        return {"MessageId": "1", "ResponseMetadata": {"HTTPStatusCode": 200}}

    def rows(self, batch_id: str) -> list[dict[str, Any]]:
        return deliveries(self.svc, self.batch(batch_id))


def test_a_queue_is_told_once_and_it_is_recorded() -> None:
    world = Told({QUEUE: ("demo",)})
    batch_id = world.post(3, callback_url=QUEUE).batch.run_id
    world.drain()
    (message,) = world.sent
    event = json.loads(message["MessageBody"])
    named = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (event["type"], event["data"]["id"], event["data"]["counts"]["succeeded"]) == (
        "batch.succeeded", batch_id, 3)  # fmt: skip
    assert (named["type"], named["function"], message["MessageGroupId"]) == ("batch.succeeded", "echo", batch_id)
    verify(SECRET, named, message["MessageBody"].encode(), now=lambda: world.clock() / 1000)
    assert world.batch(batch_id).cb_status == "delivered"
    assert [(row["status_code"], row["error"]) for row in world.rows(batch_id)] == [(200, None)]


def test_a_refusal_is_recorded_and_tried_again_under_the_same_id() -> None:
    world = Told({QUEUE: ()}, AWAY)
    batch_id = world.post(1, callback_url=QUEUE).batch.run_id
    world.drain()
    ids = {message["MessageAttributes"]["webhook-id"]["StringValue"] for message in world.sent}
    assert len(world.sent) == 2 and len(ids) == 1
    first, second = world.rows(batch_id)
    assert "RequestThrottled" in first["error"] and (second["status_code"], second["error"]) == (200, None)
    world.clock.step(60_000)
    send_again(world.svc, world.batch(batch_id))
    world.drain()
    assert len({message["MessageDeduplicationId"] for message in world.sent}) == 2
    assert len(world.sent) == 3 and len(world.rows(batch_id)) == 3


@pytest.mark.parametrize("targets", [{}, {QUEUE: ("another",)}])
def test_a_queue_that_is_no_longer_allowed_is_not_sent_to(targets: Any) -> None:
    world = Told(targets)
    batch_id = world.post(1, callback_url=QUEUE).batch.run_id
    world.drain()
    (row,) = world.rows(batch_id)
    assert (world.batch(batch_id).cb_status, world.sent) == ("failed", [])
    assert "refused: it is not the ARN of" in row["error"]

"""Callbacks to a bus, a queue, a topic: who may name which, what is sent, what AWS's refusals mean."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import ANY, Stubber

from chalicelib.callbacks import aws_targets
from chalicelib.callbacks.arns import check_target, is_arn, parse
from chalicelib.callbacks.aws_targets import FOR_GOOD, send
from chalicelib.callbacks.urls import UrlRefused
from chalicelib.callbacks.webhook import Outcome
from infra.stages import TARGET

HERE = "us-east-1:111122223333"
QUEUE = f"arn:aws:sqs:{HERE}:results"
FIFO = f"arn:aws:sqs:{HERE}:results.fifo"
TOPIC = f"arn:aws:sns:{HERE}:results"
BUS = f"arn:aws:events:{HERE}:event-bus/results"
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "17", "webhook-signature": "v1,x=", "traceparent": "00-a-b-01"}
EVENT = {"type": "run.succeeded", "timestamp": "t", "data": {"id": "run_x", "function": "echo", "output": 1}}
BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize("arn", [QUEUE, FIFO, TOPIC, BUS, QUEUE.replace("aws:sqs:us-east-1", "aws-cn:sqs:cn-north-1")])
def test_a_bus_a_queue_and_a_topic_are_targets(arn: str) -> None:
    found = parse(arn)
    assert found is not None and found.arn == str(found) == arn
    assert TARGET.fullmatch(arn)  # infra/stages.py takes the same


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:111122223333:function:f",
        "arn:aws:events:us-east-1:111122223333:rule/results",
        "arn:aws:sqs:us-east-1:111122223333:event-bus/results",
        "arn:aws:sqs:us-east-1::results",
        "arn:aws:sqs:us-east-1:111122223333:a b",
        f"{QUEUE}\n",
        "arn:",
    ],
)
def test_nothing_else_is_one(arn: str) -> None:
    assert parse(arn) is None
    assert not TARGET.fullmatch(arn)
    with pytest.raises(UrlRefused):
        check_target(arn, "acme", {arn: ()})


def test_a_target_belongs_to_the_tenants_it_is_given_to() -> None:
    targets = {QUEUE: (), BUS: ("acme", "umbrella")}
    assert check_target(QUEUE, "anybody", targets).name == "results"
    assert check_target(BUS, "acme", targets).kind == "bus"
    for arn, tenant in ((BUS, "demo"), (TOPIC, "acme")):
        with pytest.raises(UrlRefused, match="callbacks may go to"):
            check_target(arn, tenant, targets)


class Aws:
    """One client that is told what it answers; nothing leaves the process."""

    def __init__(self, service: str) -> None:
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
        self.client = boto3.client(service, region_name="us-east-1", **keys)  # type: ignore[call-overload]
        self.stub = Stubber(self.client)

    def send(self, arn: str, sending: int = 0) -> Outcome:
        target = parse(arn)
        assert target is not None
        with self.stub:
            outcome = send(target, HEADERS, BODY, sending=sending, clients=self._client)
        self.stub.assert_no_pending_responses()
        return outcome

    def _client(self, _service: str, region: str) -> Any:
        assert region == "us-east-1"
        return self.client


def texts(attributes: dict[str, Any]) -> dict[str, str]:
    return {name: each["StringValue"] for name, each in attributes.items()}


ATTRIBUTES = {
    name: {"DataType": "String", "StringValue": text}
    for name, text in {**HEADERS, "type": "run.succeeded", "function": "echo"}.items()
}


def test_a_queue_gets_the_body_and_the_headers_as_attributes() -> None:
    aws = Aws("sqs")
    url = "https://sqs.us-east-1.amazonaws.com/111122223333/results"
    sent = {"QueueUrl": url, "MessageBody": BODY.decode(), "MessageAttributes": ATTRIBUTES}
    aws.stub.add_response("send_message", {"MessageId": "1", "MD5OfMessageBody": "x"}, sent)
    found = aws.send(QUEUE)
    assert (found.status_code, found.error, found.delivered) == (200, None, True)


@pytest.mark.parametrize("sending", [0, 3])
def test_a_fifo_queue_gets_a_group_a_run_and_one_message_a_sending(sending: int) -> None:
    aws = Aws("sqs")
    order = {"MessageGroupId": "run_x", "MessageDeduplicationId": f"msg_1-{sending}"}
    sent = {"QueueUrl": ANY, "MessageBody": ANY, "MessageAttributes": ANY, **order}
    aws.stub.add_response("send_message", {"MessageId": "1"}, sent)
    assert aws.send(FIFO, sending).delivered


def test_a_topic_gets_the_same() -> None:
    aws = Aws("sns")
    sent = {"TopicArn": TOPIC, "Message": BODY.decode(), "MessageAttributes": ATTRIBUTES}
    aws.stub.add_response("publish", {"MessageId": "1"}, sent)
    assert aws.send(TOPIC).delivered


def put_events(entries: int, code: str | None = None) -> tuple[Aws, Outcome]:
    detail = json.dumps(EVENT["data"] | {"webhook_id": "msg_1", "traceparent": "00-a-b-01"})  # type: ignore[operator]
    entry = {"Source": "invoke-once", "DetailType": "run.succeeded", "Detail": detail, "EventBusName": BUS}
    aws = Aws("events")
    answer = {"ErrorCode": code, "ErrorMessage": "it quotes what was sent"} if code else {"EventId": "1"}
    aws.stub.add_response("put_events", {"FailedEntryCount": entries, "Entries": [answer]}, {"Entries": [entry]})
    return aws, aws.send(BUS)


def test_a_bus_gets_the_run_as_the_detail() -> None:
    _, found = put_events(0)
    assert found.delivered


def test_an_entry_that_a_bus_refused_in_a_good_answer_is_not_delivered() -> None:
    _, found = put_events(1, "InternalFailure")
    assert (found.delivered, found.for_good) == (False, False)
    assert found.error == "the bus refused it: InternalFailure"


@pytest.mark.parametrize(
    ("of", "arn", "code", "for_good"),
    [
        ("sqs", QUEUE, "AWS.SimpleQueueService.NonExistentQueue", False),
        ("sqs", QUEUE, "AccessDeniedException", False),  # also for seconds after a deploy that grants it
        ("sqs", QUEUE, "RequestThrottled", False),
        ("sqs", QUEUE, "InvalidMessageContents", True),
        ("sqs", QUEUE, "AWS.SimpleQueueService.UnsupportedOperation", True),
        ("sns", TOPIC, "NotFound", False),
        ("sns", TOPIC, "AuthorizationError", False),
        ("sns", TOPIC, "InvalidParameter", True),
        ("events", BUS, "ResourceNotFoundException", False),
        ("events", BUS, "ValidationException", True),
        *(("sqs", QUEUE, code, True) for code in sorted(FOR_GOOD)),
    ],
)
def test_what_aws_refuses_is_tried_again_unless_no_time_will_change_it(
    of: str, arn: str, code: str, for_good: bool
) -> None:
    aws = Aws(of)
    method = {"sqs": "send_message", "sns": "publish", "events": "put_events"}[of]
    aws.stub.add_client_error(method, code, "it quotes what was sent", http_status_code=400)
    found = aws.send(arn)
    assert (found.status_code, found.delivered, found.for_good) == (400, False, for_good)
    assert found.error is not None and "quotes" not in found.error
    assert code.rpartition(".")[2].removesuffix("Exception") in found.error


def test_a_refused_entry_of_a_bus_may_be_final_too() -> None:
    _, found = put_events(1, "MalformedDetail")
    assert found.for_good


def test_an_aws_that_does_not_answer_is_an_outcome() -> None:
    class Away:
        def put_events(self, **_: Any) -> None:
            raise EndpointConnectionError(endpoint_url="https://events.example")

    target = parse(BUS)
    assert target is not None
    found = send(target, HEADERS, BODY, clients=lambda _service, _region: Away())
    assert (found.status_code, found.delivered, found.for_good) == (None, False, False)
    assert found.error == "the bus did not answer: EndpointConnectionError"


def test_what_is_final_is_what_aws_s_references_call_so() -> None:
    assert {
        "InvalidMessageContents", "UnsupportedOperation",  # SendMessage
        "InvalidParameter", "ParameterValueInvalid", "InvalidParameterValue", "ValidationException",  # Publish
        "MissingParameter", "ValidationError",  # of every service
        "MalformedDetail", "InvalidArgument", "NotAuthorizedForSource", "NotAuthorizedForDetailType",  # PutEvents
    } == FOR_GOOD  # fmt: skip


def test_aws_is_asked_once_a_sending_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    client = aws_targets._client("sqs", "eu-west-1")
    config = client.meta.config
    assert (client.meta.region_name, config.connect_timeout, config.read_timeout) == ("eu-west-1", 2, 5)
    assert config.retries == {"mode": "standard", "total_max_attempts": 1}


def test_each_kind_of_target_has_its_words() -> None:
    told = [(one.kind, one.host, one.origin, one.fifo, one.region, one.account)
            for one in map(parse, (QUEUE, FIFO, TOPIC, BUS)) if one is not None]  # fmt: skip
    here = ("us-east-1", "111122223333")
    assert told == [
        ("queue", "sqs:results", QUEUE, False, *here),
        ("queue", "sqs:results.fifo", FIFO, True, *here),
        ("topic", "sns:results", TOPIC, False, *here),
        ("bus", "events:results", BUS, False, *here),
    ]
    assert not is_arn(None) and not is_arn("https://arn:") and is_arn("arn:")


def timed(arn: str, answer: Any) -> Outcome:
    """One try that takes 250 ms; `answer` is an error, or what PutEvents says."""

    class Client:
        meta = type("Meta", (), {"endpoint_url": "https://sqs.example/"})

        def put_events(self, **_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        send_message = publish = put_events

    target, times = parse(arn), iter((10.0, 10.25))
    assert target is not None
    return send(target, HEADERS, BODY, clients=lambda _service, _region: Client(), clock=lambda: next(times))


def test_what_became_of_a_try_is_told_whole_with_the_time_it_took() -> None:
    refusal: Any = {"Error": {"Code": "NotFoundException"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    assert timed(TOPIC, ClientError(refusal, "Publish")) == Outcome(404, "the topic refused it: NotFound", 250)
    assert timed(QUEUE, ClientError({}, "SendMessage")) == Outcome(None, "the queue refused it: unknown", 250)
    away = EndpointConnectionError(endpoint_url="https://events.example")
    assert timed(BUS, away) == Outcome(None, "the bus did not answer: EndpointConnectionError", 250)
    assert timed(BUS, {"FailedEntryCount": 0}) == timed(QUEUE, {}) == Outcome(200, None, 250)
    assert timed(BUS, {"FailedEntryCount": 1, "Entries": [{}]}) == Outcome(None, "the bus refused it: unknown", 250)

"""Callbacks to AWS itself: an EventBridge bus, an SQS queue or an SNS topic, by its ARN.

    bus      source `invoke-once`, detail-type `run.succeeded` …, detail: the run, with `webhook_id` and `traceparent`
    queue    the body that a URL gets, its headers as message attributes, and `type`
    topic    the same

One try is one call, and whatever AWS answers is an Outcome, as a receiver's answer is. Lost access or a missing queue
is tried again, as a URL that answers 404 is: it may be a deployment that is not through. What AWS will never take,
however often it is sent, ends the callback.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.callbacks.arns import AwsTarget
from chalicelib.callbacks.webhook import Outcome
from invoke_once.store import aws

SOURCE: Final = "invoke-once"
#: The entry itself is refused (API references of SendMessage, Publish and PutEvents, "Errors").
FOR_GOOD: Final = frozenset({
    "InvalidMessageContents", "UnsupportedOperation", "InvalidParameterValue", "MissingParameter", "InvalidParameter",
    "ParameterValueInvalid", "ValidationException", "ValidationError", "MalformedDetail", "InvalidArgument",
    "NotAuthorizedForSource", "NotAuthorizedForDetailType",
})  # fmt: skip

Clients = Callable[[str, str], Any]  #: (service, region) -> a client of botocore's


@cache
def _client(service: str, region: str) -> Any:
    once = {"total_max_attempts": 1, "mode": "standard"}
    return aws.client(service, region=region, connect_timeout=2, read_timeout=5, retries=once)


def send(
    target: AwsTarget, headers: Mapping[str, str], body: bytes, *, sending: int = 0, clients: Clients = _client,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:  # fmt: skip
    """One try. `sending` tells a person's sending again from the schedule's tries, which a FIFO queue takes for one."""
    began, event = clock(), json.loads(body)

    def took_ms() -> int:
        return round((clock() - began) * 1000)

    try:
        client = clients(target.service, target.region)
        if target.service == "events":
            problem = _put_event(client, target, headers, event)
        else:
            send_to = _to_queue if target.service == "sqs" else _to_topic
            send_to(client, target, body.decode(), _attributes(headers, event), _order(target, headers, event, sending))
            problem = None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return _refused(target, code, status, took_ms())
    except (BotoCoreError, OSError) as error:
        return Outcome(None, f"the {target.kind} did not answer: {type(error).__name__}", took_ms())
    return Outcome(200, None, took_ms()) if problem is None else _refused(target, problem, None, took_ms())


def _put_event(client: Any, target: AwsTarget, headers: Mapping[str, str], event: dict[str, Any]) -> str | None:
    """The code of an entry that was refused: PutEvents then answers 200 (API reference, "FailedEntryCount")."""
    detail = event["data"] | {"webhook_id": headers["webhook-id"]}
    if "traceparent" in headers:
        detail["traceparent"] = headers["traceparent"]
    entry = {"Source": SOURCE, "DetailType": event["type"], "Detail": json.dumps(detail), "EventBusName": target.arn}
    answer = client.put_events(Entries=[entry])
    if not answer.get("FailedEntryCount"):
        return None
    return str(answer["Entries"][0].get("ErrorCode", "unknown"))


def _to_queue(client: Any, target: AwsTarget, body: str, attributes: dict[str, Any], order: Mapping[str, str]) -> None:
    url = f"{client.meta.endpoint_url.rstrip('/')}/{target.account}/{target.name}"
    client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes, **order)


def _to_topic(client: Any, target: AwsTarget, body: str, attributes: dict[str, Any], order: Mapping[str, str]) -> None:
    client.publish(TopicArn=target.arn, Message=body, MessageAttributes=attributes, **order)


def _attributes(headers: Mapping[str, str], event: Mapping[str, Any]) -> dict[str, Any]:
    """The headers, so that a consumer can verify; `type` and `function`, so that a subscription can filter by them."""
    texts = {**headers, "type": event["type"], "function": event["data"].get("function")}
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items() if text}


def _order(target: AwsTarget, headers: Mapping[str, str], event: Mapping[str, Any], sending: int) -> dict[str, str]:
    """What FIFO asks for: a group a run, and one message however often the schedule tries within five minutes."""
    if not target.fifo:
        return {}
    deduplication = f"{headers['webhook-id']}-{sending}"
    return {"MessageGroupId": str(event["data"]["id"]), "MessageDeduplicationId": deduplication}


def _refused(target: AwsTarget, code: str, status: int | None, latency_ms: int) -> Outcome:
    """By AWS's code alone: its message may quote what was sent."""
    short = code.removeprefix("AWS.SimpleQueueService.").removesuffix("Exception")
    for_good = bool({code, short} & FOR_GOOD)
    return Outcome(status, f"the {target.kind} refused it: {short}", latency_ms, for_good=for_good)

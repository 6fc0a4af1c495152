"""What makes things quick: the table's stream at once, the wake queue to the second. Both are hints; neither is needed.

Neither talks to a receiver or does the work itself: they fire `attend` with `Event`, where each run has a thread of
its own, so that a slow receiver delays nobody else (on AWS a shard would wait for it, in the emulator the one poller).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from chalicelib.batches import hints
from chalicelib.due import gated, jobs
from chalicelib.invoker import fire_attend
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.life.head import HEAD
from invoke_once.store.aws import client

WORKERS = 8  #: botocore keeps ten connections
MAX_DELAY_S = 900  #: SQS API reference, SendMessage, DelaySeconds


class Queue(Protocol):
    def send(self, run_id: str, delay_s: int) -> None: ...


class SqsQueue:
    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, run_id: str, delay_s: int) -> None:
        body = json.dumps({"run_id": run_id})
        _sqs().send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_s)


@cache
def _sqs() -> Any:
    return client("sqs")


def wanted_at(record: Mapping[str, Any]) -> tuple[str, int] | None:
    """(run id, when to look) of a stream record; None: nothing new has to happen for it.

    A record counts when it sets a time that was not set before: a start that waits, a backoff, a callback's next try.
    """
    images = record.get("dynamodb", {})
    new, old = images.get("NewImage"), images.get("OldImage") or {}
    if not new or new.get("part", {}).get("S") not in (HEAD, *jobs.PARTS) or "wait_shard" in new:
        return None
    for name, wanted in (("not_before", True), ("cb_due", _text(new, "cb_status") == "pending")):
        at = new.get(name, {}).get("N")
        if wanted and at is not None and (at != old.get(name, {}).get("N") or _reopened(name, new, old)):
            return _text(new, "run_id"), int(at)
    return None


def _reopened(name: str, new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return name == "cb_due" and _text(old, "cb_status") != _text(new, "cb_status")


def _text(image: Mapping[str, Any], name: str) -> str:
    return str(image.get(name, {}).get("S", ""))


def on_stream(svc: Service, queue: Queue, event: Mapping[str, Any]) -> dict[str, Any]:
    """Every record of a batch; those that raised are reported, so that the others are not repeated."""
    due_now: list[str] = []

    def failed(record: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            _wake(svc, queue, record, due_now)
        except Exception as error:  # one bad record must not stop the others
            log.event("stream_record_failed", reason=type(error).__name__, metrics={"StreamRecordFailed": 1})
            return [{"itemIdentifier": record.get("dynamodb", {}).get("SequenceNumber")}]
        return []

    records = event.get("Records", [])
    with several(WORKERS) as each:  # the last of a hundred must not wait for the others' messages
        failures = [one for found in each(failed, records) for one in found]
    gated.on_stream(svc, records, lambda gate, delay_s: queue.send(gate, delay_s) if delay_s <= MAX_DELAY_S else None)
    fire_attend(svc.invoker, svc.settings.attend_function, due_now)
    return {"batchItemFailures": failures}


def _wake(svc: Service, queue: Queue, record: Mapping[str, Any], due_now: list[str]) -> None:
    batch = hints.batch_of(record)
    if batch is not None:
        hints.look_soon(svc.now_ms(), batch, due_now, queue)
    found = wanted_at(record)
    if found is None:
        return
    run_id, at_ms = found
    delay_s = -(-(at_ms - svc.now_ms()) // 1000)
    if delay_s <= 0:
        due_now.append(run_id)
    elif delay_s <= MAX_DELAY_S:
        queue.send(run_id, delay_s)  # what is further off is the sweep's


def on_wake(svc: Service, event: Mapping[str, Any]) -> dict[str, Any]:
    """Messages whose delay is over: look at their runs now."""
    due_now, failures = [], []
    for message in event.get("Records", []):
        try:
            due_now.append(str(json.loads(message["body"])["run_id"]))
        except Exception as error:  # whatever one message holds, the others' runs are looked at
            log.event("wake_message_unreadable", message_id=message.get("messageId"), reason=type(error).__name__,
                      metrics={"WakeMessageUnreadable": 1})  # fmt: skip
            failures.append({"itemIdentifier": message.get("messageId")})
    fire_attend(svc.invoker, svc.settings.attend_function, due_now)
    return {"batchItemFailures": failures}

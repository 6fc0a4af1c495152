"""What failed for good and was kept: look at it, do it again, or let it go.

    python -m infra.operate.failed [--stage prod] record list|again|drop     outcomes that could not be recorded
                                          wake   list|again|drop     wake messages that failed five times
                                          stream list|drop           stream records that could not be handled

`again` hands each message to the function it was meant for, and takes it off the queue when Lambda has it. Nothing
of the stream's need be done again: the sweep has seen to those runs within a minute. For an operator's credentials.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import stages
from infra.operate.reach import Reach, reach
from infra.stages import LOCAL, StageProblem

QUEUES = {"record": "record-failures", "wake": "wake-dead-letters", "stream": "stream-failures"}
AGAIN = {"record": "record", "wake": "attend"}
AT_MOST = 1_000  # messages a call


class Failed:
    """One of the queues that keep what failed. `hidden_s`: how long a message is kept from a second look."""

    def __init__(self, stack: str, kind: str, how: Reach, hidden_s: int = 30) -> None:
        self._stack, self._kind, self._hidden_s = stack, kind, hidden_s
        self._sqs, self._lambda = boto3.client("sqs", **how), boto3.client("lambda", **how)
        self._url = self._sqs.get_queue_url(QueueName=f"{stack}-{QUEUES[kind]}")["QueueUrl"]

    def list(self) -> Iterator[str]:
        """A line a message; they stay."""
        for message in self._messages():
            yield self._line(message)

    def again(self) -> Iterator[str]:
        """Hand each message to its function; a line for each that Lambda has taken."""
        for message in self._messages():
            payload = json.dumps(self._payload(message)).encode()
            function = f"{self._stack}-{AGAIN[self._kind]}"
            self._lambda.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
            self._delete(message)
            yield self._line(message)

    def drop(self) -> Iterator[str]:
        """Take each message off the queue; a line for each."""
        for message in self._messages():
            self._delete(message)
            yield self._line(message)

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Each message once."""
        for _ in range(AT_MOST):
            request = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "VisibilityTimeout": self._hidden_s}
            found = self._sqs.receive_message(**request).get("Messages", [])
            if not found:
                return
            yield from found

    def _delete(self, message: dict[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _payload(self, message: dict[str, Any]) -> Any:
        """What the function was meant to get: of an invocation record, its own event."""
        body = json.loads(message["Body"])
        return body["requestPayload"] if self._kind == "record" else body

    def _line(self, message: dict[str, Any]) -> str:
        """Which run, and why: never a payload."""
        body = json.loads(message["Body"])
        if self._kind == "wake":
            return f"{body.get('run_id')}"
        if self._kind == "stream":
            batch = body.get("DDBStreamBatchInfo") or {}
            return f"{batch.get('batchSize', '?')} records until {batch.get('approximateArrivalOfLastRecord', '?')}"
        event = (body.get("requestPayload") or {}).get("requestPayload")
        envelope = event.get("invoke_once") if isinstance(event, dict) else None
        run = (envelope or {}).get("run_id", "a direct call")
        reason = (body.get("responsePayload") or {}).get("errorType", "?")
        return f"{run}  {reason}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.operate.failed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stage", default=LOCAL)
    parser.add_argument("kind", choices=sorted(QUEUES))
    parser.add_argument("do", choices=("list", "again", "drop"))
    given = parser.parse_args()
    if given.do == "again" and given.kind not in AGAIN:
        parser.error("the sweep has done it already: there is nothing to do again")
    try:
        stage = stages.load(given.stage)
        lines = list(getattr(Failed(stage.stack, given.kind, reach(stage)), given.do)())
    except (StageProblem, BotoCoreError, ClientError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print("\n".join([*lines, f"{len(lines)} messages"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

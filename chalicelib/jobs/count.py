"""The sample `count`: the proof of one run.

`{"counter": "a", "seconds": 8}` adds one to the counter `a` each time this body runs, sleeps, and returns
`{"counter": "a", "count": n}`. With `attach=True` an equal synchronous call that is fired again while the
first still runs gets the first's answer, so that `count` stays 1.
"""

from __future__ import annotations

import functools
import os
import time
import uuid
from typing import Any

from chalicelib.jobs import inputs
from chalicelib.jobs.pausing import pause
from invoke_once import Run, current_run, tracked

KEPT_SECONDS = 7 * 86_400


@tracked(attach=True)
def handler(event: object, _context: object) -> dict[str, Any]:
    return count(event, current_run(), Counters(_dynamodb(), os.environ["ONCE_RUNS_TABLE"]))


class Counters:
    """Counters in the runs table, each an item under a key of its own: `counter#NAME`, part `counter`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def add_one(self, name: str, now_s: int) -> int:
        """Count one more; answer how many there are now.

        The item holds a set with one mark for each time, so that a request which botocore sends twice,
        because the first answer was lost, still counts once; a number would be one too high.
        """
        answer = self._client.update_item(
            TableName=self._table,
            Key={"run_id": {"S": f"counter#{name}"}, "part": {"S": "counter"}},
            UpdateExpression="ADD marks :mark SET expires_at = :expires_at",
            ExpressionAttributeValues={
                ":mark": {"SS": [uuid.uuid4().hex[:16]]},
                ":expires_at": {"N": str(now_s + KEPT_SECONDS)},
            },
            ReturnValues="UPDATED_NEW",
        )
        return len(answer["Attributes"]["marks"]["SS"])


def count(event: object, run: Run, counters: Counters) -> dict[str, Any]:
    given = inputs.members(event, "`counter` and `seconds`")
    name, seconds = inputs.text(given, "counter"), inputs.seconds(given, default=0.0)
    counted = counters.add_one(name, int(time.time()))
    pause(seconds, run)
    return {"counter": name, "count": counted}


@functools.cache
def _dynamodb() -> Any:
    from invoke_once.store.aws import client  # only where the body runs: importing the job needs no boto3

    return client("dynamodb")

"""What wakes the service: the stream's mapping, the wake queue, and queues that keep what failed for good.

A stream's default is to try a bad record for 24 hours while its shard stands still: every limit is set.
"""

from __future__ import annotations

import json
from typing import Any

from infra.stages import Stage
from infra.template.cfn import STACK, Resources, arn_of, resource, sub

WAKE_TIMEOUT_S = 30
DAYS_14_S = 14 * 86_400

# Only what has something to be done at a time of its own: a delay, a retry's backoff or a job's next look (not_before),
# a callback (cb_due), a run that has left its slots, and runs of a batch, whose begin and end are counted. Claims,
# heartbeats and progress of any other run never wake anything.
NOT_RUNNING = ["queued", "succeeded", "failed", "timed_out", "cancelled", "expired"]
STREAM_FILTERS = [
    {"dynamodb": {"NewImage": {"part": {"S": ["head", "batch", "bulk"]}, "not_before": {"N": [{"exists": True}]}}}},
    {"dynamodb": {"NewImage": {"part": {"S": ["head", "batch"]}, "cb_due": {"N": [{"exists": True}]}}}},
    {"dynamodb": {"NewImage": {"part": {"S": ["head"]}, "batch": {"S": [{"exists": True}]}}}},
    {"dynamodb": {"OldImage": {"slot": {"S": [{"exists": True}]}}, "NewImage": {"status": {"S": NOT_RUNNING}}}},
]


def resources(stage: Stage) -> Resources:
    return {
        "WakeQueue": resource(
            "AWS::SQS::Queue",
            _queue(stage, "wake")
            | {
                "VisibilityTimeout": 6 * WAKE_TIMEOUT_S,
                "RedrivePolicy": {"deadLetterTargetArn": arn_of("WakeDeadLetters"), "maxReceiveCount": 5},
            },
        ),
        "WakeDeadLetters": _kept(stage, "wake-dead-letters"),
        "StreamFailures": _kept(stage, "stream-failures"),
        "RecordFailures": _kept(stage, "record-failures"),
        "StreamMapping": resource("AWS::Lambda::EventSourceMapping", _stream_mapping()),
    }


def wake_event() -> dict[str, Any]:
    """The wake function's event source, in SAM's words; under Chalice's id, so that it is merged."""
    return {
        "WakeSqsEventSource": {
            "Type": "SQS",
            "Properties": {
                # the same word as Chalice's, or both would stand side by side
                "Queue": sub("${WakeQueue.Arn}"),
                "BatchSize": 10,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        }
    }


def sweep_event() -> dict[str, Any]:
    """The sweep's schedule; as above."""
    return {"SweepEvent": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}}


def _queue(stage: Stage, name: str) -> dict[str, Any]:
    encryption = {"KmsMasterKeyId": stage.kms_key_arn} if stage.kms_key_arn else {"SqsManagedSseEnabled": True}
    return {"QueueName": sub(f"{STACK}-{name}"), **encryption}


def _kept(stage: Stage, name: str) -> dict[str, Any]:
    return resource("AWS::SQS::Queue", _queue(stage, name) | {"MessageRetentionPeriod": DAYS_14_S})


def _stream_mapping() -> dict[str, Any]:
    return {
        "EventSourceArn": {"Fn::GetAtt": ["Runs", "StreamArn"]},
        "FunctionName": arn_of("Stream"),
        # not LATEST: what is written while the mapping starts would be missed
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 3600,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": arn_of("StreamFailures")}},
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in STREAM_FILTERS]},
    }

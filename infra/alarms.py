"""What calls a person: alarms, each a section of docs/runbook.md. Metrics of our own and a dashboard join
here.

Alarms go to the SNS topic in the parameter AlarmTopic, if one is given.
"""

from __future__ import annotations

from typing import Any

from infra.cfn import STACK, Resources, resource, sub
from infra.stages import Stage

HAS_TOPIC = "HasAlarmTopic"


def parameters() -> dict[str, Any]:
    return {
        "AlarmTopic": {
            "Type": "String",
            "Default": "",
            "Description": "ARN of the SNS topic that alarms go to",
        }
    }


def conditions() -> dict[str, Any]:
    return {HAS_TOPIC: {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]}}


def resources(stage: Stage) -> Resources:
    if not stage.alarms:
        return {}
    alarms = {
        "WakeDeadLetters": _queue_has("wake-dead-letters", "wake messages failed five times"),
        "StreamFailures": _queue_has("stream-failures", "stream records could not be handled"),
        "RecordFailures": _queue_has("record-failures", "outcomes of unwrapped functions were not recorded"),
        "SweepNotRunning": _sweep_not_running(),
        "SweepErrors": _function("sweep", "Errors", 1, "the sweep raises", periods=3),
        "AttendErrors": _function("attend", "Errors", 1, "attend raises", periods=3),
        "ApiThrottles": _function("api", "Throttles", 1, "API calls are throttled", periods=3),
        "ApiErrors": _function("api", "Errors", 1, "API calls end in an error of ours", periods=3),
        "StreamBehind": _function(
            "stream", "IteratorAge", 60_000, "the stream is a minute behind", statistic="Maximum"
        ),
    }
    return {f"{name}Alarm": resource("AWS::CloudWatch::Alarm", alarm) for name, alarm in alarms.items()}


def _alarm(description: str, namespace: str, metric: str, dimensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    topic = {"Fn::If": [HAS_TOPIC, [{"Ref": "AlarmTopic"}], []]}
    return {
        "AlarmDescription": sub(f"{STACK}: {description}; see docs/runbook.md"),
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": topic,
        "OKActions": topic,
        **more,
    }


def _queue_has(queue: str, description: str) -> dict[str, Any]:
    dimensions = {"QueueName": sub(f"{STACK}-{queue}")}
    metric = "ApproximateNumberOfMessagesVisible"
    return _alarm(description, "AWS/SQS", metric, dimensions, Statistic="Maximum", Threshold=1, Period=300)


def _function(
    name: str, metric: str, threshold: int, description: str, *, periods: int = 1, statistic: str = "Sum"
) -> dict[str, Any]:
    dimensions = {"FunctionName": sub(f"{STACK}-{name}")}
    return _alarm(
        description, "AWS/Lambda", metric, dimensions,
        Threshold=threshold, EvaluationPeriods=periods, Statistic=statistic,
    )  # fmt: skip


def _sweep_not_running() -> dict[str, Any]:
    return _alarm(
        "the sweep has not run for five minutes", "AWS/Lambda", "Invocations",
        {"FunctionName": sub(f"{STACK}-sweep")},
        Threshold=1, Period=300, ComparisonOperator="LessThanThreshold", TreatMissingData="breaching",
    )  # fmt: skip

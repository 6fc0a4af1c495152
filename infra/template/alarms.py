"""What calls a person. Each alarm is a section of docs/how-to/runbook.md; a test compares the two.

They tell the topic `Alarms`; the parameter AlarmEmail, if given, subscribes a person to it. Metrics of the
namespace `invoke-once` are our own, in the log lines of the functions (`invoke_once/log.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.functions import Function
from infra.stages import Stage
from infra.template.cfn import STACK, Resources, ref, resource, sub
from infra.template.compute import SERVICE
from infra.template.gateway import API_STAGE
from infra.template.storage import RUNS_INDEXES
from invoke_once.log import NAMESPACE

EMAIL = "AlarmEmail"
HAS_EMAIL = "HasAlarmEmail"
MINUTE_MS = 60_000
METRICS_AN_ALARM = 10  # of a math expression (CloudWatch User Guide, "Alarm data queries")
Dimensions = dict[str, Any]
OF_ONE_METRIC = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic")


def parameters(stage: Stage) -> dict[str, Any]:
    what = "Who gets an e-mail when an alarm goes off; AWS asks for a confirmation first. Empty: nobody"
    return {EMAIL: {"Type": "String", "Default": stage.alarm_email, "Description": what}}


def values(stage: Stage) -> dict[str, str]:
    """The parameters' values, said at each deploy: a default would not replace what an earlier one said."""
    return {EMAIL: stage.alarm_email} if stage.alarms else {}


def conditions() -> dict[str, Any]:
    return {HAS_EMAIL: {"Fn::Not": [{"Fn::Equals": [ref(EMAIL), ""]}]}}


def resources(stage: Stage, functions: Iterable[Function] = ()) -> Resources:
    """The alarms, and the topic they tell."""
    if not stage.alarms:
        return {}
    subscription = {"TopicArn": ref("Alarms"), "Protocol": "email", "Endpoint": ref(EMAIL)}
    return {
        # not encrypted: CloudWatch may not publish to a topic under AWS's own key, and alarms hold no data of runs
        "Alarms": resource("AWS::SNS::Topic", {"TopicName": sub(f"{STACK}-alarms")}),
        "AlarmsByEmail": resource("AWS::SNS::Subscription", subscription, Condition=HAS_EMAIL),
        **{
            f"{name}Alarm": resource("AWS::CloudWatch::Alarm", _named(name, alarm))
            for name, alarm in all_alarms(functions)
        },
    }


def all_alarms(functions: Iterable[Function] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, properties) of each."""
    yield from _of_lost_events(functions)
    yield from _of_the_sweep()
    yield from _of_the_stream_and_queues()
    yield from _of_the_api()
    yield from _of_callbacks()
    yield from _of_throttling()


def _of_the_sweep() -> Iterator[tuple[str, dict[str, Any]]]:
    # a missing metric is the very thing to be told
    none = {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"}
    yield "SweepNotRunning", _ours("Sweeps", 1, "no sweep has ended for five minutes", Period=300, **none)
    yield (
        "OldestDue",
        _ours("oldest_due_ms", 10 * MINUTE_MS, "a run has waited ten minutes for its turn",
              Statistic="Maximum", EvaluationPeriods=3),
    )  # fmt: skip
    yield "AttendFailing", _ours("AttendFailed", 1, "the sweep cannot attend to a run", EvaluationPeriods=3)
    yield "AttendErrors", _lambda("attend", "Errors", 1, "`attend` raises", EvaluationPeriods=3)


def _of_the_stream_and_queues() -> Iterator[tuple[str, dict[str, Any]]]:
    yield (
        "StreamBehind",
        _lambda("stream", "IteratorAge", MINUTE_MS, "the stream is a minute behind", Statistic="Maximum",
                EvaluationPeriods=3),
    )  # fmt: skip
    yield "StreamFailures", _queue("stream-failures", "stream records could not be handled")
    yield "WakeDeadLetters", _queue("wake-dead-letters", "wake messages failed five times")
    yield "WakeUnreadable", _ours("WakeMessageUnreadable", 1, "messages of the wake queue are none of ours", Period=300)
    yield "RecordFailures", _queue("record-failures", "outcomes of functions were not recorded")


def _of_lost_events(functions: Iterable[Function]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of functions whose outcome only Lambda tells, and of `record`. What else is lost, the sweep fires again."""
    unwrapped = [function.name for function in functions if function.deployed and function.mode == "destination"]
    names = ["record", *unwrapped]
    for metric, what in (
        ("DestinationDeliveryFailures", "Lambda could not tell how an event ended"),
        ("AsyncEventsDropped", "Lambda gave an event up before it ran"),
    ):
        few = len(names) <= METRICS_AN_ALARM
        each = [_of_function(name, metric) for name in names]
        yield metric, _sum_over(each, metric, what) if few else _of_the_region(metric, what)
    # which function of a loop is stopped, nobody knows before
    metric = "RecursiveInvocationsDropped"
    yield metric, _of_the_region(metric, "Lambda took calls for a loop and dropped them")


def _of_the_api() -> Iterator[tuple[str, dict[str, Any]]]:
    dimensions = {"ApiName": sub(STACK), "Stage": API_STAGE}
    what = "API calls end in an error of ours"
    yield "ApiFailing", _alarm(what, "AWS/ApiGateway", "5XXError", dimensions, Threshold=1, EvaluationPeriods=3)


def _of_callbacks() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "CallbacksGivenUp", _ours("CallbackFailed", 1, "callbacks were given up", Period=300)
    yield (
        "CallbacksFailing",
        _ours("CallbackTryFailed", 10, "tries of callbacks keep failing", Period=300, EvaluationPeriods=3),
    )


def _of_throttling() -> Iterator[tuple[str, dict[str, Any]]]:
    """Two, however many functions, tables and indexes there are: the dashboard shows which it is."""
    throttles = [_of_function(name, "Throttles") for name in SERVICE]
    yield "FunctionThrottled", _sum_over(throttles, "Throttles", "a function is throttled", EvaluationPeriods=3)
    events = [
        _metric("AWS/DynamoDB", f"{way}ThrottleEvents", {"TableName": _named_table(table)})
        for table in ("runs", "tokens")
        for way in ("Read", "Write")
    ] + [
        _metric("AWS/DynamoDB", "WriteThrottleEvents",
                {"TableName": _named_table("runs"), "GlobalSecondaryIndexName": index})
        for index in RUNS_INDEXES
    ]  # fmt: skip
    yield "TableThrottled", _sum_over(events, "ThrottleEvents", "a table or index is throttled", EvaluationPeriods=3)


def _named_table(name: str) -> Any:
    return sub(f"{STACK}-{name}")


def _named(name: str, alarm: dict[str, Any]) -> dict[str, Any]:
    return {"AlarmName": sub(f"{STACK}-{name}"), **alarm}


def _alarm(what: str, namespace: str, metric: str, dimensions: Dimensions, **more: Any) -> dict[str, Any]:
    """Over the threshold in each of the last EvaluationPeriods minutes, unless `more` says otherwise."""
    return {
        "AlarmDescription": f"{what}: see docs/how-to/runbook.md",
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [ref("Alarms")],
        "OKActions": [ref("Alarms")],
        **more,
    }


def _metric(namespace: str, metric: str, dimensions: Dimensions) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": metric, "Dimensions": named}


def _of_function(function: str, metric: str) -> dict[str, Any]:
    return _metric("AWS/Lambda", metric, {"FunctionName": sub(f"{STACK}-{function}")})


def _sum_over(metrics: list[dict[str, Any]], label: str, what: str, **more: Any) -> dict[str, Any]:
    """One alarm on several metrics together."""
    found: list[dict[str, Any]] = [
        {"Id": f"m{n}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}
        for n, metric in enumerate(metrics)
    ]
    total = {"Id": "total", "Label": label, "Expression": "SUM(FILL(METRICS(), 0))", "ReturnData": True}
    return _on([total, *found], what, **more)


def _of_the_region(metric: str, what: str) -> dict[str, Any]:
    """Of every function that the account has in this Region, whosever it is."""
    query = f'SELECT SUM({metric}) FROM SCHEMA("AWS/Lambda", FunctionName)'
    return _on([{"Id": "total", "Expression": query, "Period": 300, "ReturnData": True}], what)


def _on(metrics: list[dict[str, Any]], what: str, **more: Any) -> dict[str, Any]:
    """An alarm on what several metrics come to: one is too much."""
    alarm = _alarm(what, "", "", {}, Threshold=1, Metrics=metrics, **more)
    return {key: value for key, value in alarm.items() if key not in OF_ONE_METRIC}


def _ours(metric: str, threshold: int, what: str, **more: Any) -> dict[str, Any]:
    return _alarm(what, NAMESPACE, metric, {"stack": sub(STACK)}, Threshold=threshold, **more)


def _lambda(function: str, metric: str, threshold: int, what: str, **more: Any) -> dict[str, Any]:
    dimensions = {"FunctionName": sub(f"{STACK}-{function}")}
    return _alarm(what, "AWS/Lambda", metric, dimensions, Threshold=threshold, **more)


def _queue(queue: str, what: str) -> dict[str, Any]:
    dimensions = {"QueueName": sub(f"{STACK}-{queue}")}
    metric = "ApproximateNumberOfMessagesVisible"
    return _alarm(what, "AWS/SQS", metric, dimensions, Statistic="Maximum", Threshold=1, Period=300)

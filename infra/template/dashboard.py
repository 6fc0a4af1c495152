"""The CloudWatch dashboard of a stack: what comes in, what becomes of it, what waits, what fails.

Its body is JSON in which CloudFormation fills in the stack's name and region.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.functions import Function
from infra.stages import Stage
from infra.template import alarms
from infra.template.cfn import STACK, Resources, resource, sub
from infra.template.compute import SERVICE
from infra.template.gateway import API_STAGE
from invoke_once.log import NAMESPACE

REGION = "${AWS::Region}"
WIDTH, HEIGHT = 8, 6  # of 24 columns
Line = list[Any]  # a metric as a widget names it: [namespace, metric, dimension, value, …, {options}]


def resources(stage: Stage, functions: Iterable[Function]) -> Resources:
    if not stage.alarms:
        return {}
    body = json.dumps({"widgets": [_alarms(functions), *_placed(_graphs())]}, separators=(",", ":"))
    return {
        "Dashboard": resource("AWS::CloudWatch::Dashboard", {"DashboardName": sub(STACK), "DashboardBody": sub(body)})
    }


def _graphs() -> list[dict[str, Any]]:
    return [
        _graph("Runs", [_ours("Accepted"), _ours("Replayed"), _ours("Claimed"), _ours("DuplicatesRefused")]),
        _graph("How attempts end", [_ours(f"Ended_{end}") for end in ("succeeded", "failed", "timed_out", "queued",
                                                                     "cancelled")]),
        _graph("Trouble, and what was done", [_ours("Lost"), _ours("Redispatched"), _ours("Rejected"),
                                              _ours("Expired"), _ours("DispatchDelayed"), _ours("OutcomesRefused"),
                                              _ours("OddTimes")]),
        _graph("Callbacks", [_ours("CallbackDelivered"), _ours("CallbackTryFailed"), _ours("CallbackFailed"),
                             _ours("CallbackPostponed")]),
        _graph("The oldest that is due (ms)", [_ours("oldest_due_ms")], "Maximum"),
        _graph("The sweep: how often, how long (ms)", [_ours("Sweeps"), [*_ours("sweep_ms"), {"stat": "Maximum",
                                                                                              "yAxis": "right"}]]),
        _graph("Stream (ms behind)", [_lambda("stream", "IteratorAge")], "Maximum"),
        _graph("Queues of what failed", [_queue(name) for name in ("wake-dead-letters", "stream-failures",
                                                                  "record-failures")], "Maximum"),
        _graph("API", [_api("Count"), _api("4XXError"), _api("5XXError")]),
        _graph("API (ms)", [[*_api("Latency"), {"stat": stat}] for stat in ("p50", "p95", "p99")]),
        _graph("Errors of functions", [_lambda(name, "Errors") for name in SERVICE]),
        _graph("Throttles of functions", [_lambda(name, "Throttles") for name in SERVICE]),
    ]  # fmt: skip


def _alarms(functions: Iterable[Function]) -> dict[str, Any]:
    arns = [f"${{{name}Alarm.Arn}}" for name, _ in alarms.all_alarms(functions)]
    return {
        "type": "alarm", "x": 0, "y": 0, "width": 24, "height": 4,
        "properties": {"title": "Alarms", "alarms": arns},
    }  # fmt: skip


def _placed(graphs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = 24 // WIDTH
    return [
        {"type": "metric", "x": n % columns * WIDTH, "y": 4 + n // columns * HEIGHT, "width": WIDTH, "height": HEIGHT,
         "properties": graph}
        for n, graph in enumerate(graphs)
    ]  # fmt: skip


def _graph(title: str, metrics: list[Line], stat: str = "Sum") -> dict[str, Any]:
    return {"title": title, "metrics": metrics, "stat": stat, "period": 60, "region": REGION, "view": "timeSeries"}


def _ours(metric: str) -> Line:
    return [NAMESPACE, metric, "stack", STACK]


def _lambda(function: str, metric: str) -> Line:
    return ["AWS/Lambda", metric, "FunctionName", f"{STACK}-{function}"]


def _queue(name: str) -> Line:
    return ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", f"{STACK}-{name}"]


def _api(metric: str) -> Line:
    return ["AWS/ApiGateway", metric, "ApiName", STACK, "Stage", API_STAGE]

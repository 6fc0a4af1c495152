"""`GET /functions` and `/functions/{name}`: what can be run."""

from __future__ import annotations

from typing import Any

from chalice.app import Response
from msgspec.structs import asdict

from chalicelib.api import problems
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.functions import Function
from chalicelib.gates import shown
from chalicelib.runs.documents import rfc3339

routes = Routes(__name__, tag="functions")


@routes.route("/functions", methods=["GET"])
@routes.operation({200: Answer("the functions", "FunctionList")}, scope="runs:read")
def list_functions(call: Call) -> Response:
    """Every function that the caller's tenant may run, with its limits and the schema of its input."""
    mine = (function for function in call.service.functions.values() if function.may_be_run_by(call.tenant))
    return reply_json({"functions": [with_gates(call, function) for function in mine]})


@routes.route("/functions/{name}", methods=["GET"])
@routes.operation({200: Answer("the function", "Function")}, scope="runs:read")
def show_function(call: Call, name: str) -> Response:
    """One function."""
    function = call.service.functions.get(name)
    if function is None or not function.may_be_run_by(call.tenant):
        raise problems.NotFound("There is no such function.")
    return reply_json(with_gates(call, function))


def with_gates(call: Call, function: Function) -> dict[str, Any]:
    """The function, and what gates hold of it."""
    found = shown.of(call.service, function, call.tenant)
    pause = found.pause
    paused = None if pause is None else {"since": rfc3339(pause.since), "by": pause.by, "reason": pause.reason}
    return document(function) | {"paused": paused, "running": found.running, "waiting": found.waiting}


def document(function: Function) -> dict[str, Any]:
    return {
        "name": function.name,
        "description": function.description,
        "target": function.target,
        "mode": function.mode,
        "timeout_seconds": function.timeout_seconds,
        "memory_mb": function.memory_mb,
        "retry": asdict(function.retry),
        "on_lost": function.on_lost,
        "on_timeout": function.on_timeout,
        "max_legs": function.max_legs,
        "max_running": function.max_running or None,
        "heartbeat_seconds": function.heartbeat_seconds,
        "retention_days": function.retention_days,
        "input_schema": None if function.input_schema is None else dict(function.input_schema),
    }

"""The functions: the service's own, which Chalice declares and this completes, and those of functions.toml.

Every Lambda is called STACK-NAME and has a log group with a retention and a role of its own, so that code and
policies can name it without asking.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from chalicelib.functions import Function
from infra.stages import Stage
from infra.template import access, listeners, roles
from infra.template.cfn import RETAIN, STACK, Resources, arn_of, camel, ref, resource, sub
from infra.template.wakeups import WAKE_TIMEOUT_S, sweep_event, wake_event

# name: (Chalice's logical id, timeout in seconds). The API's is over the gateway's 29 s, so that the gateway
# gives up first; the sweep's is under its minute.
SERVICE = {
    "api": ("APIHandler", 30),
    "stream": ("Stream", 30),
    "wake": ("Wake", WAKE_TIMEOUT_S),
    "sweep": ("Sweep", 55),
    "attend": ("Attend", 60),
    "record": ("Record", 30),
}
ROLES = {"api": "ApiHandlerRole"}
EVENTS = {"wake": wake_event, "sweep": sweep_event}
MAX_EVENT_AGE_S = 21_600
_LAMBDA = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [_LAMBDA]}}


def resources(stage: Stage, functions: Iterable[Function], python: str) -> Resources:
    functions = list(functions)
    found: Resources = {}
    for name, (logical_id, timeout_s) in SERVICE.items():
        found[logical_id] = {"Properties": _service_function(stage, name, timeout_s)}
        grants = access.service(name, functions) + (listeners.grants(stage) if name == "attend" else [])
        found |= roles.role(stage, ROLES.get(name, f"{logical_id}Role"), grants)
        found[f"{logical_id}Logs"] = _log_group(stage, name)
    for function in functions:
        if function.deployed:
            found |= _target(stage, function, python)
    return found | _asynchronous()


def _service_function(stage: Stage, name: str, timeout_s: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "FunctionName": sub(f"{STACK}-{name}"),
        "Timeout": timeout_s,
        "MemorySize": stage.api_memory_mb if name == "api" else stage.worker_memory_mb,
        "Tracing": "Active" if stage.xray else "PassThrough",
        **_network(stage),
        "Environment": {"Variables": _service_environment(stage) | (_limits(stage) if name == "api" else {})},
    }
    if name in stage.reserved_concurrency:
        properties["ReservedConcurrentExecutions"] = stage.reserved_concurrency[name]
    if name in EVENTS:
        properties["Events"] = EVENTS[name]()
    return properties


def _service_environment(stage: Stage) -> dict[str, Any]:
    return {
        "ONCE_STACK": sub(STACK),
        "ONCE_STAGE": stage.name,
        "ONCE_LOCAL": "1" if stage.local else "0",
        "ONCE_RUNS_TABLE": sub(f"{STACK}-runs"),
        "ONCE_TOKENS_TABLE": sub(f"{STACK}-tokens"),
        "ONCE_BUCKET": ref("Bucket"),
        "ONCE_WAKE_QUEUE": ref("WakeQueue"),
        "ONCE_ATTEND_FUNCTION": sub(f"{STACK}-attend"),
        "ONCE_MASTER_KEY": sub(f"/{STACK}/master-key"),
        **listeners.environment(stage),
    }


def _limits(stage: Stage) -> dict[str, str]:
    return {
        "ONCE_CALLS_PER_SECOND": str(stage.calls_per_second),
        "ONCE_CALLS_BURST": str(stage.calls_burst),
        "ONCE_RUNS_IN_FLIGHT": str(stage.runs_in_flight),
        "ONCE_HOLDS_IN_FLIGHT": str(stage.holds_in_flight),
        **({"ONCE_CORS_ORIGINS": " ".join(stage.cors_origins)} if stage.cors_origins else {}),
        **iam_callers(stage),
    }


def iam_callers(stage: Stage) -> dict[str, str]:
    """Who gets a token by its AWS signature, as chalicelib/api/iam.py reads it."""
    return {"ONCE_IAM_CALLERS": msgspec.json.encode(stage.iam_callers).decode()} if stage.iam_callers else {}


def _target(stage: Stage, function: Function, python: str) -> Resources:
    name = camel(function.name)
    properties: dict[str, Any] = {
        "FunctionName": sub(f"{STACK}-{function.name}"),
        "Description": function.description[:256],
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "TracingConfig": {"Mode": "Active" if stage.xray else "PassThrough"},
        "Role": arn_of(f"Target{name}Role"),
        "Environment": {"Variables": _target_environment(function)},
        **_network(stage),
        **_code(function, python),
        **({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}} if function.tenant_isolation else {}),
    }
    role = roles.role(stage, f"Target{name}Role", access.target(function, any_run=stage.any_run), **TRUST)
    role[f"Target{name}Role"]["Type"] = "AWS::IAM::Role"
    return {
        f"Target{name}": resource("AWS::Lambda::Function", properties),
        **role,
        f"Target{name}Logs": _log_group(stage, function.name),
        f"Target{name}Outcome": resource("AWS::Lambda::EventInvokeConfig", _outcome(function, f"Target{name}")),
    }


def code_parameter(function: Function) -> str:
    """The template's parameter that holds the S3 key of this function's own zip."""
    return f"{camel(function.name)}Key"


def _code(function: Function, python: str) -> dict[str, Any]:
    if function.code:
        handler = "index.handler"
        key = code_parameter(function)
        return {"Runtime": function.runtime, "Handler": handler, "Code": _s3(key)}
    return {
        "Runtime": python,
        "Handler": function.handler,
        "Code": _s3("CodeKey"),
        "Layers": [ref("ManagedLayer")],
    }


def _s3(key: str) -> dict[str, Any]:
    return {"S3Bucket": ref("ArtifactBucket"), "S3Key": ref(key)}


def _target_environment(function: Function) -> dict[str, Any]:
    if function.mode != "tracked":
        return dict(function.environment)
    return {
        **function.environment,
        "ONCE_STACK": sub(STACK),
        "ONCE_RUNS_TABLE": sub(f"{STACK}-runs"),
        "ONCE_BUCKET": ref("Bucket"),
        "ONCE_FUNCTION": function.name,
        "ONCE_TENANT": function.tenant,
        "ONCE_RETENTION_DAYS": str(function.retention_days),
        "ONCE_ON_LOST": function.on_lost,
        **_legs(function),
        "ONCE_MAX_ATTEMPTS": str(function.retry.max_attempts),
        "ONCE_BACKOFF_SECONDS": str(function.retry.backoff_seconds),
        "ONCE_MAX_BACKOFF_SECONDS": str(function.retry.max_backoff_seconds),
        "ONCE_JITTER": "1" if function.retry.jitter else "0",
        "ONCE_HEARTBEAT_SECONDS": str(function.heartbeat_seconds),
        **({"ONCE_CALLBACK": function.callback} if function.callback else {}),
    }


def _legs(function: Function) -> dict[str, str]:
    if function.on_timeout == "fail" and function.max_legs == 100:
        return {}
    return {"ONCE_ON_TIMEOUT": function.on_timeout, "ONCE_MAX_LEGS": str(function.max_legs)}


def _outcome(function: Function, logical_id: str) -> dict[str, Any]:
    """Retries are the service's, so Lambda makes none; a death is told to `record` at once."""
    record = {"Destination": arn_of("Record")}  # by reference: Lambda refuses a destination that is not there yet
    destinations = {"OnFailure": record}
    if function.mode == "destination":
        destinations["OnSuccess"] = record
    return {
        "FunctionName": ref(logical_id),
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": MAX_EVENT_AGE_S,
        "DestinationConfig": destinations,
    }


def _asynchronous() -> Resources:
    """The next sweep tries `attend` and `sweep` again; `record` alone holds an outcome, so it insists."""
    none = {"Qualifier": "$LATEST", "MaximumRetryAttempts": 0}
    insisting = {
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": MAX_EVENT_AGE_S,
        "DestinationConfig": {"OnFailure": {"Destination": arn_of("RecordFailures")}},
    }
    return {
        f"{name}Asynchronous": resource("AWS::Lambda::EventInvokeConfig", {"FunctionName": ref(name), **how})
        for name, how in {"Attend": none, "Sweep": none, "Record": insisting}.items()
    }


def _network(stage: Stage) -> dict[str, Any]:
    if not stage.vpc_subnets:
        return {}
    groups, subnets = list(stage.vpc_security_groups), list(stage.vpc_subnets)
    return {"VpcConfig": {"SecurityGroupIds": groups, "SubnetIds": subnets}}


def _log_group(stage: Stage, name: str) -> dict[str, Any]:
    properties = {
        "LogGroupName": sub(f"/aws/lambda/{STACK}-{name}"),
        "RetentionInDays": stage.log_retention_days,
    }
    return resource("AWS::Logs::LogGroup", properties, **(RETAIN if stage.retain_logs else {}))

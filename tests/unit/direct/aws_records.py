"""Invocation records as Lambda sends them (Developer Guide, "Capturing records of Lambda asynchronous invocations")."""

from __future__ import annotations

from typing import Any

ARN = "arn:aws:lambda:us-east-1:111122223333:function:{}:$LATEST"


def record(
    function: str,
    payload: Any,
    response: Any,
    *,
    condition: str = "Success",
    request_id: str = "36b0d9cf-5ab9-4a35-8e2c-0d9b17b8b3a1",
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "version": "1.0",
        "timestamp": "2026-11-23T21:52:47.644Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": function if function.startswith("arn:") else ARN.format(function),
            "condition": condition,
            "approximateInvokeCount": 1,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": response,
    }
    if condition != "Success":
        told["responseContext"]["functionError"] = "Unhandled"
    return told


def failed(function: str, payload: Any, error: dict[str, Any], **more: Any) -> dict[str, Any]:
    return record(function, payload, error, condition="RetriesExhausted", **more)


def never_started(function: str, payload: Any, condition: str, **more: Any) -> dict[str, Any]:
    """No function ran: no response context, no payload."""
    told = record(function, payload, None, condition=condition, **more)
    del told["responseContext"], told["responsePayload"]
    told["requestContext"]["approximateInvokeCount"] = 0
    return told


def thin(told: dict[str, Any]) -> dict[str, Any]:
    """The same as an emulator leaves it: without version, timestamp and the request's id, the ARN unqualified."""
    kept = {k: v for k, v in told.items() if k not in ("version", "timestamp")}
    context = {k: v for k, v in told["requestContext"].items() if k != "requestId"}
    arn = context["functionArn"].removesuffix(":$LATEST")
    return kept | {
        "requestContext": context
        | {"functionArn": arn, "approximateInvokeCount": 3 * min(context["approximateInvokeCount"], 1)}
    }


#: Of other runtimes: Go's frames are objects, Java and .NET have causes.
GO_ERROR = {
    "errorMessage": "no rows",
    "errorType": "errorString",
    "stackTrace": [
        {"path": "github.com/aws/aws-lambda-go@v1.47.0/lambda/errors.go", "line": 39, "label": "lambdaPanicResponse"},
        {"path": "main.go", "line": 12, "label": "handler"},
        {"path": "main.go"},
    ],
}
JAVA_ERROR = {
    "errorMessage": "java.lang.IllegalStateException: no",
    "errorType": "java.lang.RuntimeException",
    "stackTrace": ["example.Handler.handleRequest(Handler.java:13)"],
    "cause": {
        "errorMessage": "no",
        "errorType": "java.lang.IllegalStateException",
        "stackTrace": ["example.Orders.load(Orders.java:7)"],
    },
}
PYTHON_ERROR = {
    "errorMessage": "invalid literal for int() with base 10: 'x'",
    "errorType": "ValueError",
    "requestId": "36b0d9cf-5ab9-4a35-8e2c-0d9b17b8b3a1",
    "stackTrace": ['  File "/var/task/app.py", line 3, in handler\n    int("x")\n'],
}
NODE_ERROR = {
    "errorType": "Error",
    "errorMessage": "asked to fail for Ada",
    "trace": ["Error: asked to fail for Ada", "    at Runtime.handler (file:///var/task/index.mjs:12:19)"],
}
TIMEOUT = {
    "errorType": "Sandbox.Timedout",
    "errorMessage": "RequestId: 36b0d9cf-5ab9-4a35-8e2c-0d9b17b8b3a1 Error: Task timed out after 3.00 seconds",
}
OLD_TIMEOUT = {"errorMessage": "2026-11-23T21:52:50.647Z 36b0d9cf-5ab9-4a35 Task timed out after 3.00 seconds"}
CRASH = {
    "errorType": "Runtime.ExitError",
    "errorMessage": "RequestId: 36b0d9cf-5ab9-4a35 Error: Runtime exited with error: exit status 1",
}
EMULATOR_CRASH = {"errorMessage": "Worker process died", "errorType": "Runtime.HandlerError"}

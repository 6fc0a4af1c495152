"""Behind a function URL: the run's callback becomes the answer that the state machine waits for.

It needs ONCE_WEBHOOK_SECRET, the library (its layer), and the rights states:SendTaskSuccess and SendTaskFailure.
"""

import base64
import json
import os
from urllib.parse import parse_qs, urlsplit

import boto3

from invoke_once.errors import SignatureError
from invoke_once.signing import verify


def handler(event, _context):
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    try:
        run = verify(os.environ["ONCE_WEBHOOK_SECRET"], event["headers"], raw)["data"]
    except SignatureError:
        return {"statusCode": 400}
    token = parse_qs(urlsplit(run["callback"]["url"]).query)["task_token"][0]
    steps = boto3.client("stepfunctions")
    try:
        if run["status"] == "succeeded":
            steps.send_task_success(taskToken=token, output=json.dumps(run["output"]))
        else:
            error = run["error"] or {"type": run["status"], "message": ""}
            steps.send_task_failure(taskToken=token, error=error["type"][:256], cause=error["message"][:2000])
    except (steps.exceptions.TaskTimedOut, steps.exceptions.InvalidToken, steps.exceptions.TaskDoesNotExist):
        pass  # told before, or nobody waits any more
    return {"statusCode": 204}

"""One peer, run in a process of its own: `python -m bench.peer_process NAME DELIVERIES`, its calls to AWS_ENDPOINT_URL.

Starts one job and delivers its event so many times, as AWS may. Prints {"bodies": how often the work was done,
"answers": what each delivery gave}.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import types
from collections.abc import Callable
from typing import Any

TABLE_VARIABLE, TARGET_VARIABLE = "TABLE", "TARGET"
Answers = list[str]


class Bodies:
    """Counts how often the work is done."""

    def __init__(self) -> None:
        self.count = 0

    def work(self, value: Any) -> Any:
        self.count += 1
        return value


def glue(bodies: Bodies, deliveries: int) -> Answers:
    from chalice.test import Client

    from bench.functions import glue_api, glue_target

    with Client(glue_api.app) as client:
        body = json.dumps({"input": {"order": 1}}).encode()
        answer = client.http.post("/jobs", headers={"Content-Type": "application/json"}, body=body)
    event = {"id": json.loads(answer.body)["id"], "input": {"order": 1}}
    glue_target.work = bodies.work
    return [_told(lambda: glue_target.handler(event, None)) for _ in range(deliveries)]


def powertools(bodies: Bodies, deliveries: int) -> Answers:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent

    from bench.warm import Context

    layer = DynamoDBPersistenceLayer(table_name=os.environ[TABLE_VARIABLE])
    handler = idempotent(persistence_store=layer)(lambda event, _context: bodies.work(event))
    return [_told(lambda: handler({"order": 1}, Context())) for _ in range(deliveries)]


def zappa(bodies: Bodies, deliveries: int) -> Answers:
    settings = types.ModuleType("zappa_settings")
    settings.ASYNC_RESPONSE_TABLE = os.environ[TABLE_VARIABLE]  # type: ignore[attr-defined]
    sys.modules["zappa_settings"] = settings
    from zappa import asynchronous

    this = sys.modules[__name__]
    this.task = bodies.work  # type: ignore[attr-defined]
    sent = asynchronous.LambdaAsyncResponse(os.environ[TARGET_VARIABLE], "us-east-1", capture_response=True)
    path = f"{__name__}.task"
    sent.send(path, [{"order": 1}], {})
    message = {"task_path": path, "capture_response": True, "response_id": sent.response_id,
               "args": [{"order": 1}], "kwargs": {}}  # fmt: skip
    return [_told(lambda: asynchronous.route_lambda_task(message, None)) for _ in range(deliveries)]


def ours(bodies: Bodies, deliveries: int) -> Answers:
    from bench.warm import fired_event
    from invoke_once import tracked
    from invoke_once.handler.runtime import runtime

    event, context = fired_event(runtime().store, "peer", {"order": 1})

    @tracked
    def handler(value: Any, _context: Any) -> Any:
        return bodies.work(value)

    return [_told(lambda: handler(event, context)) for _ in range(deliveries)]


def _told(deliver: Callable[[], Any]) -> str:
    try:
        return json.dumps(deliver())
    except Exception as error:
        return f"{type(error).__name__}"


PEERS = {"glue": glue, "powertools": powertools, "zappa": zappa, "ours": ours}


def main() -> None:
    bodies = Bodies()
    with contextlib.redirect_stdout(io.StringIO()):
        answers = PEERS[sys.argv[1]](bodies, int(sys.argv[2]))
    print(json.dumps({"bodies": bodies.count, "answers": answers}))


if __name__ == "__main__":
    sys.modules["bench.peer_process"] = sys.modules["__main__"]
    main()

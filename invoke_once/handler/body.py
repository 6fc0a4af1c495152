"""Run the body of a claimed run, watched, and record how it ended."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

from invoke_once import log
from invoke_once.handler import replies
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.current import working
from invoke_once.handler.options import Handler
from invoke_once.handler.outcomes import raised
from invoke_once.handler.runtime import Runtime
from invoke_once.handler.watchdog import Watchdog
from invoke_once.life.head import Head
from invoke_once.store.store import Result


def run_attempt(
    rt: Runtime,
    handler: Handler,
    value: Any,
    context: Any,
    head: Head,
    deadline_ms: int,
    tracestate: str | None = None,
) -> tuple[Result, tuple[Any, BaseException | None]]:
    """Run the body of a claimed run and record how it ended. Returns (how it was recorded, (value, error))."""
    log.event("claimed", run_id=head.run_id, attempt=head.attempt, claim=head.claim_token, function=head.function,
              leg=head.leg if head.leg > 1 else None, legs=head.legs or None,
              request_id=getattr(context, "aws_request_id", None), metrics={"Claimed": 1})  # fmt: skip
    attempt = Attempt(rt, head, deadline_ms, tracestate)
    value_or_error: tuple[Any, BaseException | None]
    with Watchdog(attempt, deadline_ms - rt.now_ms(), rt.policy.heartbeat_ms):
        try:
            with working(attempt):
                value_or_error = handler(value, context), None
            outcome = replies.outcome(value, value_or_error[0])
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the run has to end
            value_or_error, outcome = (None, error), raised(error)
        if attempt.forked:
            _end_fork(value_or_error[1])
        return attempt.settle(outcome), value_or_error


def _end_fork(error: BaseException | None) -> NoReturn:
    """A fork of the process came back from the handler: it ends here, and tells neither Lambda nor the store."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    else:
        code = int(error is not None)
        if error is not None:
            sys.excepthook(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)

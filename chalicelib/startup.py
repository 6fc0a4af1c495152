"""The start of one of the service's processes: what is made once is made here, before the first request.

Lambda lends its init phase a whole processor, whatever the function's memory (AWS, "Effectively running Java on
Serverless: utilize initialization phase"), so that DynamoDB's client, the dearest thing a request needs, is made
there. None of what a start makes is ever garbage. A collector that looks through it costs a seventh of a cold start:
it pauses, and leaves out for good what is there afterwards (`gc.freeze`).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def starting() -> Iterator[None]:
    """Around the imports of a process's entry. Elsewhere than in Lambda, where a test imports it, it does nothing."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        yield
        return
    gc.disable()
    try:
        yield
        _connect()
        gc.freeze()
    finally:
        gc.enable()


def _connect() -> None:
    from chalicelib.service import service
    from invoke_once.store.dynamo import DynamoTable

    engine = service().store.engine
    if isinstance(engine, DynamoTable):
        engine.connect()

"""One warm call of a wrapped handler whose body does nothing, against Powertools' idempotency: the wrapper's own time.

Both run in this process against the same emulator: ours claims and finishes a run that the service has accepted
(2 UpdateItem), Powertools saves and completes a record (PutItem and UpdateItem). Samples are milliseconds to the
handler's return, in turns; beside them the processor time of this process, which no emulator is part of.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from bench import rival, samples
from bench.samples import Progress
from bench.stand import CREDENTIALS, STACK, Stand
from invoke_once.life import moves
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.store import Store

ROUNDS, WARM_UP = 400, 40
TABLE = f"{STACK}-powertools"


class Context:
    """What Lambda hands a handler, as far as the two look."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def order(number: int) -> dict[str, Any]:
    """The input of both: an order of about 900 bytes, another one each time."""
    lines = [{"article": f"A-{n:05d}", "name": "Widget, blue", "quantity": n + 1, "price": 12.5} for n in range(10)]
    return {"order": number, "customer": {"id": "c-1042", "country": "NL"}, "lines": lines}


def body(event: Any, context: Any) -> dict[str, Any]:
    return {"order": event["order"], "done": True}


@contextlib.contextmanager
def environment(stand: Stand) -> Iterator[None]:
    """This process as a function of the stack sees its own."""
    settings = {
        **CREDENTIALS, "AWS_ENDPOINT_URL": stand.endpoint, "ONCE_STACK": STACK, "ONCE_RUNS_TABLE": stand.runs_table,
        "ONCE_FUNCTION": "echo", "ONCE_TENANT": "demo", "ONCE_BUCKET": stand.settings_of("echo").get("ONCE_BUCKET", ""),
    }  # fmt: skip
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure(stand: Stand, tell: Progress, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """{"ours": [ms], "powertools": [ms], "ours_cpu": [ms], "powertools_cpu": [ms]}"""
    rival.table(stand.aws("dynamodb"), TABLE)
    cpu: dict[str, list[float]] = {"ours_cpu": [], "powertools_cpu": []}
    with environment(stand):
        calls = {"ours": _ours(stand), "powertools": _powertools()}
        cases = {name: _timed(call, cpu[f"{name}_cpu"]) for name, call in calls.items()}
        taken = samples.interleaved(cases, rounds, WARM_UP, tell)
    return taken | {name: values[WARM_UP:] for name, values in cpu.items()}


def _timed(call: Callable[[], Callable[[], Any]], cpu: list[float]) -> Callable[[], float]:
    def sample() -> float:
        ready = call()
        with contextlib.redirect_stdout(io.StringIO()):
            began, used = time.perf_counter(), time.process_time()
            answer = ready()
            took, burnt = time.perf_counter() - began, time.process_time() - used
        if not answer:
            raise RuntimeError("the body did not run")
        cpu.append(burnt * 1000)
        return took * 1000

    return sample


def _ours(stand: Stand) -> Callable[[], Callable[[], Any]]:
    from invoke_once import tracked

    handler = tracked(body)
    store, numbers = Store(DynamoTable(stand.runs_table)), count()

    def ready() -> Callable[[], Any]:
        number = next(numbers)
        event, context = fired_event(store, f"warm-{number}", order(number))
        return lambda: handler(event, context)["status"] == "succeeded"

    return ready


def fired_event(store: Store, key: str, value: Any) -> tuple[dict[str, Any], Context]:
    """Accept a run as the service does, and the event that it would fire."""
    now_ms = time.time_ns() // 1_000_000
    new = moves.NewRun("demo", "echo", f"{key}-{now_ms}", payload={"input": b"\x00{}", "input_size": 2})
    head = store.apply(moves.start(new, now_ms)).head
    assert head is not None
    meta = {"run_id": head.run_id, "generation": head.generation, "attempt": 1, "fired_at": now_ms, "v": 1}
    return {"invoke_once": meta, "input": value}, Context()


def _powertools() -> Callable[[], Callable[[], Any]]:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent

    handler = idempotent(persistence_store=DynamoDBPersistenceLayer(table_name=TABLE))(body)
    numbers = count()

    def ready() -> Callable[[], Any]:
        event = order(next(numbers))
        return lambda: handler(event, Context())

    return ready

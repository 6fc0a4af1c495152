"""What a batch costs a run, and how fast its runs are fired: against a loop of put + invoke in one process.

What is compared is firing alone: both fire one and the same Lambda, which answers at once, and nobody claims a run.
The loop's time ends with its last answer, a batch's when the last of its chunks is done; the POST's time counts.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx

from bench import cost, rival
from bench.samples import Progress
from bench.stand import STACK, TERMINAL, Stand, until

ITEMS, QUICK_ITEMS = 1_000, 100  #: a tenth of the most there may be: chunks of 100 are spread alike, however many
ROUNDS = 3
UNITS_OF = 200  #: items, on the wire
PATIENCE_S = 300
TARGET, SERVICE = "echo", ("api", "attend", "stream", "wake", "record")
_AT_ONCE = b"def handler(event, context):\n    return None\n"


def measure(stand: Stand, tell: Progress, rounds: int = ROUNDS, items: int = ITEMS) -> dict[str, Any]:
    """`batch_post_s_1000`, `batch_write_units_per_run`, and under "raw" the rates of `batch_10k_fire_rate_vs_glue`."""
    posts, ours, glue = list[float](), list[float](), list[float]()
    with _answers_at_once(stand):
        loop = rival.loop(stand, f"{STACK}-{TARGET}")
        for n in range(rounds + 1):  # the first is the warm-up
            tell(f"batches of {items}: round {n} of {rounds}")
            loop_s = loop(items)
            post_s, fired_s = _fired(stand, items, f"bench-{n}")
            tell(f"batches of {items}: {items / fired_s:.0f} a second, the loop {items / loop_s:.0f}")
            if n > 0:
                glue.append(items / loop_s)
                posts.append(post_s)
                ours.append(items / fired_s)
    tell("batches: counting units")
    units = _units(stand)
    return {
        "batch_post_s_1000": median(posts),
        "batch_write_units_per_run": sum(units.values()) / UNITS_OF,
        "raw": {"items": items, "post_s": posts, "fired_per_s": ours, "glue_per_s": glue, "units": units},
    }


@contextmanager
def _answers_at_once(stand: Stand) -> Iterator[None]:
    """Inside, the target's code is a function that does nothing."""
    lambda_, name = stand.aws("lambda"), f"{STACK}-{TARGET}"
    found = lambda_.get_function(FunctionName=name)
    module = found["Configuration"]["Handler"].rpartition(".")[0].replace(".", "/")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(f"{module}.py", _AT_ONCE)
    own = httpx.get(found["Code"]["Location"]).raise_for_status().content
    if not zipfile.is_zipfile(io.BytesIO(own)):
        raise RuntimeError(f"the code of {name} cannot be put back")
    lambda_.update_function_code(FunctionName=name, ZipFile=archive.getvalue())
    try:
        yield
    finally:
        lambda_.update_function_code(FunctionName=name, ZipFile=own)


def _fired(stand: Stand, items: int, key: str) -> tuple[float, float]:
    """Seconds to the answer of the POST, and until all were fired; the batch is cancelled then."""
    began = time.perf_counter()
    batch_id = _post(stand, items, key)
    posted = time.perf_counter()
    until(lambda: _spread(stand, batch_id, items), PATIENCE_S, f"{batch_id} was not spread")
    fired = time.perf_counter()
    stand.call("POST", f"/batches/{batch_id}/cancel")
    counts = until(_ended(stand, batch_id), PATIENCE_S, f"{batch_id} did not end")
    if counts["cancelled"] != items:
        raise RuntimeError(f"of {items} items: {counts}")
    return posted - began, fired - began


def _post(stand: Stand, items: int, key: str) -> str:
    body = {"function": TARGET, "items": [{"input": {"order": n}} for n in range(items)]}
    answer = stand.call("POST", "/batches", json=body, headers={"Idempotency-Key": f'"{key}"'})
    if answer.status_code != 202:
        raise RuntimeError(f"POST /batches answered {answer.status_code}: {answer.text[:200]}")
    return str(answer.json()["id"])


def _spread(stand: Stand, batch_id: str, items: int) -> bool:
    values = {":id": {"S": batch_id}, ":chunk": {"S": "chunk#"}}
    found = stand.aws_dynamodb.query(
        TableName=stand.runs_table, KeyConditionExpression="run_id = :id AND begins_with(part, :chunk)",
        ExpressionAttributeValues=values, ConsistentRead=True,
    )["Items"]  # fmt: skip
    return sum("done" in chunk for chunk in found) * 100 >= items


def _ended(stand: Stand, batch_id: str) -> Callable[[], dict[str, int] | None]:
    key = {"run_id": {"S": batch_id}, "part": {"S": "batch"}}

    def look() -> dict[str, int] | None:
        time.sleep(0.1)
        item = stand.aws_dynamodb.get_item(TableName=stand.runs_table, Key=key, ConsistentRead=True)["Item"]
        ended: dict[str, int] | None = json.loads(item["counts"]["S"]) if item["status"]["S"] in TERMINAL else None
        return ended

    return look


def _units(stand: Stand) -> dict[str, float]:
    """Write units of a whole batch by who wrote: from its POST to its end. A write that is refused costs one.

    What its runs' targets write is counted of one run: a hundred processes that begin at once would wait for the proxy.
    """
    found = {TARGET: UNITS_OF * cost.target_units(stand)}
    _to_its_end(stand, UNITS_OF, "units-warm")
    with cost.on_the_wire(stand, images=False, watched=SERVICE) as proxy:
        _to_its_end(stand, 10, "wire-warm")
        proxy.take()
        _to_its_end(stand, UNITS_OF, "wire")
        for call in proxy.take():
            if call.writes:
                found[call.who] = found.get(call.who, 0) + (call.units or 1)
    return found


def _to_its_end(stand: Stand, items: int, key: str) -> None:
    batch_id = _post(stand, items, key)
    until(_ended(stand, batch_id), PATIENCE_S, f"{batch_id} did not end")

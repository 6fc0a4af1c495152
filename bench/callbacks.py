"""From an outcome to its callback at the receiver: real runs one after another, then rates.

The latency is from `finished_at`, which is taken before the outcome is written, to the receiver's clock; both are
this machine's. For the rates no job runs: outcomes that owe a callback are written straight into the table, as a
finish would, at 1, 10 and 100 a second. The stream, `attend` and the sender are the deployed ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from bench.receiver import Receiver
from bench.samples import Progress, quantile
from bench.stand import Stand, until
from invoke_once.life import moves
from invoke_once.life.head import to_item
from invoke_once.life.status import Status
from invoke_once.store.dynamo import stored

RUNS = 60
RATES = {1: 12.0, 10: 12.0, 100: 6.0}  #: a second: for so many seconds
PATIENCE_S = 60
_numbers = count()


def of_runs(stand: Stand, tell: Progress, runs: int = RUNS) -> list[float]:
    """Seconds from outcome to callback, of echo runs one after another."""
    taken = []
    with Receiver() as receiver:
        for n in range(runs):
            run_id = stand.start("echo", {"n": n}, key=f"cb-{n}", callback={"url": receiver.url})["id"]
            until(lambda run_id=run_id: receiver.has(run_id), PATIENCE_S, "the callback did not come")  # type: ignore[misc]
            taken.append(_latency_s(receiver, run_id))
            tell(f"callback {n + 1} of {runs}")
    return taken


def _latency_s(receiver: Receiver, run_id: str) -> float:
    at_ms, body = receiver.came[run_id]
    return (at_ms - _ms(body["data"]["finished_at"])) / 1000


def _ms(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp() * 1000


def at_rates(stand: Stand, tell: Progress, rates: Mapping[int, float] = RATES) -> list[dict[str, Any]]:
    """Per rate: what was owed, what came, how late, and how long the last one took to come."""
    return [_at_rate(stand, rate, seconds, tell) for rate, seconds in rates.items()]


def _at_rate(stand: Stand, rate: int, seconds: float, tell: Progress) -> dict[str, Any]:
    tell(f"{rate} callbacks a second for {seconds:g} s")
    with Receiver() as receiver:
        began = time.monotonic()
        owed = _owe(stand, rate, int(rate * seconds), receiver.url)
        wrote_s = time.monotonic() - began
        deadline = time.monotonic() + PATIENCE_S
        while len(receiver.came) < len(owed) and time.monotonic() < deadline:
            time.sleep(0.05)
        took_s = time.monotonic() - began
        late = [_latency_s(receiver, run_id) for run_id in owed if receiver.has(run_id)]
        return {
            "rate": rate,
            "owed": len(owed),
            "owed_per_second": len(owed) / max(wrote_s, 1e-9),
            "came": len(late),
            "repeats": receiver.repeats,
            "delivered_per_second": len(late) / took_s,
            **_spread(late),
        }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"p50_s": None, "p95_s": None, "max_s": None}
    return {"p50_s": quantile(values, 0.5), "p95_s": quantile(values, 0.95), "max_s": max(values)}


def _owe(stand: Stand, rate: int, total: int, url: str) -> list[str]:
    """Write `total` outcomes at `rate` a second; returns their runs' ids."""
    dynamodb = stand.aws("dynamodb")
    began, ids = time.monotonic(), []
    for n in range(total):
        time.sleep(max(began + n / rate - time.monotonic(), 0))
        item = ended_run(url)
        dynamodb.put_item(TableName=stand.runs_table, Item=stored(item))
        ids.append(item["run_id"])
    return ids


def ended_run(url: str) -> dict[str, Any]:
    """A run that succeeded this moment and owes a callback."""
    now_ms = time.time_ns() // 1_000_000
    new = moves.NewRun("demo", "echo", f"owed-{next(_numbers)}-{now_ms}", callback_url=url)
    born = moves.start(new, now_ms)
    ended = {
        "status": Status.SUCCEEDED, "attempt": 1, "started_at": now_ms, "finished_at": now_ms, "cb_status": "pending",
        "cb_due": now_ms, "output": b"\x00{}", "output_size": 2, "expires_at": now_ms // 1000 + 3600,
    }  # fmt: skip
    return to_item({**born.set, **ended})

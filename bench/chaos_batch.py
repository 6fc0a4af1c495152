"""`make chaos BATCH=1000`: one batch, and somebody who kills processes from its POST to its end.

    python -m bench.chaos_batch [ITEMS] [--seed N] [--max-running N]

Half of the victims are the service's own: who spreads the batch, counts it, tells its end. Each item's body counts
itself, and is never run again once it is lost. All have to end, none may start twice, the counts have to add up.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import uuid
from collections import Counter
from typing import Any

from bench.chaos import KINDS, SWEEP_EVERY_S, TARGETS, TERMINAL, TIMEOUT_S, Ground, Run, broken, monkey, own_ground
from bench.receiver import Receiver
from invoke_once.life import keys

EVERY_S, TARGETS_FIRST = (1.0, 4.0), 0.5  #: a process that starts needs its time
PATIENCE_S = 500
KIND = KINDS[0]  #: `count`, never again


def unleash(
    ground: Ground, items: int, luck: random.Random, max_running: int | None
) -> tuple[list[Run], dict[str, Any], Counter[str]]:
    """A batch's runs, the batch itself as it is stored at its end, and whose processes died."""
    batch = Run(KIND, f"batch-{uuid.uuid4().hex[:8]}")
    names = [f"{batch.key}-{n:05d}" for n in range(items)]
    inputs = [{"input": {"counter": name, "seconds": round(luck.uniform(0, 0.05), 3)}} for name in names]
    with Receiver() as receiver, monkey(ground, luck, EVERY_S, TARGETS_FIRST) as killed:
        request: dict[str, Any] = {"function": KIND.function, "items": inputs, "callback": {"url": receiver.url}}
        request |= {} if max_running is None else {"max_running": max_running}
        ground.post(batch, request, "/batches")
        seed = _stored(ground, batch)["seed"]
        runs = [Run(KIND, name, keys.item_id(KIND.function, batch.id, seed, n)) for n, name in enumerate(names)]
        deadline, forced = batch.began_s + PATIENCE_S, batch.began_s
        while _stored(ground, batch).get("cb_status") != "delivered" and time.monotonic() < deadline:
            ground.look(runs)
            left = [run for run in runs if run.head and not run.ended]
            if time.monotonic() - forced > TIMEOUT_S:  # an event that died with its process: not in 5 minutes, but now
                forced = time.monotonic()
                for run in left:
                    ground.make_due(run)
            ground.sweep()
            begun = sum(bool(run.head) for run in runs)
            print(f"  {begun} begun, {begun - len(left)} ended, {killed.total()} processes killed", flush=True)
            time.sleep(SWEEP_EVERY_S)
    print(f"  told {len(receiver.came)} batch, and again {receiver.repeats} times")
    ground.look(runs)
    for run in runs:
        run.bodies = ground.count_bodies(run)
    return runs, _stored(ground, batch), killed


def _stored(ground: Ground, batch: Run) -> dict[str, Any]:
    key = {"run_id": {"S": batch.id}, "part": {"S": "batch"}}
    found = ground.aws("dynamodb").get_item(TableName=f"{ground.stack}-runs", Key=key, ConsistentRead=True)["Item"]
    return {name: next(iter(value.values())) for name, value in found.items()}


def main() -> int:
    asked = argparse.ArgumentParser(prog="bench.chaos_batch", description="A batch, and processes killed at random.")
    asked.add_argument("items", nargs="?", type=int, default=1000)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--max-running", type=int, help="where all at once would bury the machine in processes")
    given = asked.parse_args()
    with own_ground() as ground:
        for function in TARGETS:
            ground.shorten(function, TIMEOUT_S)
        began = time.monotonic()
        runs, batch, killed = unleash(ground, given.items, random.Random(given.seed), given.max_running)
    statuses = Counter(str(run.head.get("status")) for run in runs)
    print(f"{time.monotonic() - began:.0f} s, seed {given.seed}: {batch['status']}, {dict(statuses)}")
    print(f"bodies of a run: {dict(Counter(run.bodies for run in runs))}, killed: {dict(killed)}")
    wrong = broken(runs) + ([] if batch.get("cb_status") == "delivered" else ["its end was not told"])
    counts = {name: n for name, n in json.loads(batch.get("counts", "{}")).items() if n and name in TERMINAL}
    wrong += [] if counts == dict(statuses) else [f"its counts are {counts}"]
    print("\n".join(wrong) or "every run ended, none began twice, the counts add up, and the end was told")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

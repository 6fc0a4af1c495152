"""What a limit costs a run, counted on the wire, and how well its slots are used.

    units        runs of one concurrency key, alone and in line behind another one, against plain runs
    throughput   jobs of 1 s behind 5 slots, against slots that lose no time between two jobs

AWS bills a write whose condition refuses it at least one unit, the emulator none: it is added here.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from bench import cost
from bench.proxy import Call, CountingProxy
from bench.samples import Progress
from bench.stand import Stand, until
from invoke_once.life import gates

RUNS = 10  #: counted alone, and as many in line
SLOTS, JOBS, JOB_S = 5, 60, 1.0
FILL_S = 8.0  #: the slots are taken for so long while the jobs are posted
TENANT = "demo"


def measure(stand: Stand, tell: Progress, runs: int = RUNS, jobs: int = JOBS) -> dict[str, Any]:
    """`gate_write_units`, `gate_throughput_vs_ideal`, and under "raw" what they are made of."""
    tell("units under a limit")
    plain, alone, in_line = _units(stand, runs)
    found: dict[str, Any] = {"gate_write_units": max(alone, in_line) - plain}
    raw = {"plain": plain, "alone": alone, "in_line": in_line}
    tell(f"{jobs} jobs of {JOB_S:g} s behind {SLOTS} slots")
    try:
        took_s, ideal_s = _throughput(stand, jobs)
    except (TimeoutError, RuntimeError) as problem:  # what was counted before is worth keeping
        return found | {"raw": raw | {"throughput": str(problem)}}
    found["gate_throughput_vs_ideal"] = ideal_s / took_s
    return found | {"raw": raw | {"took_s": took_s, "ideal_s": ideal_s}}


def _units(stand: Stand, runs: int) -> tuple[float, float, float]:
    """Write units a run: of plain ones, of those that find a free slot, and of those that wait for one."""
    key: dict[str, Any] = {"key": "units", "max": 1}
    limits: tuple[dict[str, Any], ...] = ({}, {"concurrency": key})
    with cost.on_the_wire(stand, images=False, also=("sleep",)) as proxy:
        for more in limits:  # processes, tokens, the rack
            stand.ended(stand.start("echo", {}, **more)["id"])
        _rests(stand, "units")
        proxy.take()
        for _ in range(runs):
            stand.ended(stand.start("echo", {"n": 1})["id"])
        plain = _billed(proxy) / runs
        each = []
        for _ in range(runs):
            stand.ended(stand.start("echo", {"n": 1}, concurrency=key)["id"])
            _rests(stand, "units")
            each.append(_billed(proxy))
        alone = median(each)
        holder = stand.start("sleep", {"seconds": 3}, concurrency=key)["id"]
        until(lambda: stand.stored(holder).get("status", {}).get("S") == "running", 30, "the holder did not start")
        proxy.take()
        waiting = [stand.start("echo", {"n": 1}, concurrency=key)["id"] for _ in range(runs)]
        for run_id in waiting:
            stand.ended(run_id, 60)
        _rests(stand, "units")
        in_line = (_billed(proxy) - HOLDER_ENDS) / runs
    return plain, alone, in_line


HOLDER_ENDS = 2  #: the outcome of the one that had the slot before: its item, and its place in the `due` index


def _billed(proxy: CountingProxy) -> float:
    return sum(_units_of(call) for call in proxy.take() if call.writes)


def _units_of(call: Call) -> float:
    return max(call.units, 1.0) if call.status == 400 else call.units


def _rests(stand: Stand, key: str) -> None:
    """Until no slot is taken."""
    table = stand.aws("dynamodb")
    rack = gates.rack_id(gates.of_key(TENANT, key), 0)

    def free() -> bool:
        place = {"run_id": {"S": rack}, "part": {"S": gates.RACK}}
        item: Mapping[str, Any] = table.get_item(TableName=stand.runs_table, Key=place).get("Item", {})
        return not any(name in item for name in gates.SLOT_NAMES)

    until(free, 30, "a slot stayed taken")


def _throughput(stand: Stand, jobs: int) -> tuple[float, float]:
    """(seconds from the first begin to the last end, the same without any loss), all of them waiting before it."""
    key = {"key": "throughput", "max": SLOTS}
    warm = [stand.start("sleep", {"seconds": 1})["id"] for _ in range(SLOTS + 1)]
    for run_id in warm:
        stand.ended(run_id, 60)
    fill = [stand.start("sleep", {"seconds": FILL_S}, concurrency=key)["id"] for _ in range(SLOTS)]
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda _: stand.start("sleep", {"seconds": JOB_S}, concurrency=key)["id"], range(jobs)))
    for run_id in (*fill, *ids):
        stand.ended(run_id, 60 + jobs)
    heads = [stand.stored(run_id) for run_id in ids]
    began = min(int(head["started_at"]["N"]) for head in heads)
    ended = max(int(head["finished_at"]["N"]) for head in heads)
    return (ended - began) / 1000, jobs / SLOTS * JOB_S

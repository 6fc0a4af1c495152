"""What a checkpoint and a continuation cost, and how long nobody works between two legs: on the wire, as `cost.py`."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench import cost
from bench.proxy import Call
from bench.samples import Progress, quantile
from bench.stand import Stand

RUNS = 6  #: each of some six legs of 6 s


def measure(stand: Stand, tell: Progress, runs: int = RUNS) -> dict[str, Any]:
    """`checkpoint_write_units`, `continue_write_units`, `leg_gap_p95_s`, and under "raw" each one."""
    checkpoints: list[float] = []
    continued: list[float] = []
    gaps: list[float] = []
    with cost.on_the_wire(stand, also=("pages",)) as proxy:
        first = stand.start("pages", {"pages": 2, "seconds_per_page": 0.1, "sleep_after": 1}, key="legs-warm")
        stand.ended(first["id"], 60)  # each function starts cold once
        for n in range(runs):
            tell(f"legs, run {n + 1} of {runs}")
            proxy.take()
            run = stand.start("pages", {"pages": 40, "seconds_per_page": 0.5}, key=f"legs-{n}")
            stand.ended(run["id"], 90)
            writes = [c for c in proxy.take() if c.writes and (c.after or {}).get("run_id", {}).get("S") == run["id"]]
            checkpoints += [c.units for c in writes if _is_checkpoint(c)]
            for units, gap_s in _continuations(writes):
                continued.append(units)
                gaps.append(gap_s)
    return {
        "checkpoint_write_units": median(checkpoints),
        "continue_write_units": median(continued),
        "leg_gap_p95_s": quantile(gaps, 0.95),
        "raw": {"checkpoints": checkpoints, "continuations": continued, "gaps_s": gaps},
    }


def _text(item: Any, name: str, kind: str = "S") -> str:
    return str((item or {}).get(name, {}).get(kind, ""))


def _is_checkpoint(call: Call) -> bool:
    same = _text(call.before, "status") == _text(call.after, "status") == "running"
    return same and _text(call.before, "state_seq", "N") != _text(call.after, "state_seq", "N")


def _continuations(writes: list[Call]) -> list[tuple[float, float]]:
    """(units, seconds) from the end of a leg to the claim of the next: W, C, E."""
    found: list[tuple[float, float]] = []
    units, ended_ms = 0.0, 0
    for call in writes:
        was, now = _text(call.before, "status"), _text(call.after, "status")
        if (was, now) == ("running", "queued"):
            units, ended_ms = call.units, int(_text(call.after, "not_before", "N"))
        elif was == "queued" and ended_ms:
            units += call.units
            if now == "running":
                found.append((units, (int(_text(call.after, "attempt_started_at", "N")) - ended_ms) / 1000))
                ended_ms = 0
    return found

"""What is measured against what, and how much of it is allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """One figure of the result: its key, what it says, the most or the least it may be, and its unit."""

    key: str
    what: str
    most: float = math.inf
    unit: str = "×"
    least: float = 0

    def holds(self, value: float) -> bool:
        """Nothing is free, so 0 is a mistake of the measurement."""
        return value > 0 and self.least <= value <= self.most

    @property
    def bound(self) -> str:
        return f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}"


BARS = (
    Bar("post_vs_glue", "POST /runs against hand-written glue (put + invoke), through API Gateway and Lambda", 1.15),
    Bar("wrapper_import_vs_powertools", "`@tracked`, cold import and client (CPU), against Powertools'", 1.0),
    Bar("wrapper_warm_vs_powertools", "`@tracked`, one warm call (CPU), against Powertools'", 1.25),
    Bar("wrapper_import_vs_boto3_client", "`@tracked`, the same against a bare boto3 client", 1.3),
    Bar("node_import_vs_client", "`tracked` in Node.js, cold import and client (CPU), against a bare client", 1.1),
    Bar("api_import_vs_bare", "the API function, cold (CPU), against bare Chalice with two boto3 clients", 1.3),
    Bar("write_units_per_run", "write units of a run, small input and output, success", 6, "WRU"),
    Bar("write_units_per_run_callback", "the same with a callback", 8, "WRU"),
    Bar("read_units_per_poll", "read units of a poll", 1, "RRU"),
    Bar("aws_calls_post", "AWS calls of POST /runs", 2, "calls"),
    Bar("aws_calls_poll", "AWS calls of a poll", 1, "calls"),
    Bar("aws_calls_claim", "AWS calls of a claim", 1, "calls"),
    Bar("aws_calls_finish", "AWS calls of a finish", 1, "calls"),
    Bar("checkpoint_write_units", "write units of a checkpoint that fits the head", 1, "WRU"),
    Bar("continue_write_units", "write units from the end of a leg to the claim of the next", 5, "WRU"),
    Bar("leg_gap_p95_s", "the same in time, 95th percentile", 1.5, "s"),
    Bar("batch_post_s_1000", "POST /batches of 1 000 items", 2, "s"),
    Bar("batch_write_units_per_run", "write units of a run of a batch, all in", 6.3, "WRU"),
    Bar("batch_10k_fire_rate_vs_glue", "runs of a batch fired a second, against a loop of put + invoke", least=1.0),
    Bar("gate_write_units", "write units more of a run under a limit", 5, "WRU"),
    Bar("gate_throughput_vs_ideal", "jobs of 1 s behind 5 slots, against slots that lose no time", least=0.9),
    Bar("poll_100k_vs_100", "a poll, 100 000 stored runs against 100", 1.2),
    Bar("list_100k_vs_100", "a page of the list, 100 000 stored runs against 100", 1.2),
    Bar("sweep_100k_vs_0", "a sweep, 100 000 live runs and none due, against an empty table", 1.2),
    Bar("callback_p95_s", "outcome to callback received, 95th percentile", 2, "s"),
    Bar("wait_8min_usd_per_million", "what a million callers cost who each wait 8 minutes with our client", 400, "USD"),
    Bar("wait_2s_added_latency_p95_s", "how late our client learns of a 2 s run's end, 95th percentile", 0.3, "s"),
    Bar("model_vs_emulator", "the model of scale.md against the emulator, its worst figure", 1.3),
)


def missed(results: Mapping[str, Any]) -> list[str]:
    """The bars that do not hold, in words; empty when all do."""
    wrong = []
    for bar in BARS:
        value = results.get(bar.key)
        if not isinstance(value, (int, float)):
            wrong.append(f"{bar.key} was not measured")
        elif not bar.holds(value):
            wrong.append(f"{bar.key} is {value:.2f}, its bar {bar.bound}")
    return wrong

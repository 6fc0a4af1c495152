"""`make bench`: everything is measured against something, in one run.

    imports ─▶ an emulator of its own: warm calls, POST, units and calls, peers, callbacks, tenants
            ─▶ growth, on a table engine with ordered indexes

    python -m bench.run [--quick] [--strict] [--only PHASE,PHASE]

Writes bench/results/latest.json (raw samples, machine, versions) and the tables in performance.md and scale.md of
docs/explanation. `--quick` takes few samples and `--only` some phases; both write bench/results/partial.json instead.
`--strict` ends with 1 where a bar does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import (
    bars,
    batches,
    callbacks,
    cost,
    gates,
    growth,
    imports,
    legs,
    low_rates,
    machine,
    peers,
    post,
    report,
    rival,
    tenants,
    waiting,
    warm,
)  # fmt: skip
from bench.console import Console
from bench.ordered import EngineProblem
from bench.stand import Benchground, Stand
from infra.local.emulator import EmulatorProblem

PATIENCE_S = 90  #: for a quiet machine, before each phase that measures time
QUICK_S = 1
Measured = dict[str, Any]


class Phases:
    """What is measured, in order; each method is one phase, and returns what it found."""

    def __init__(self, console: Console, *, quick: bool) -> None:
        self._console, self._quick = console, quick

    def _rounds(self, full: int) -> int:
        return max(full // 20, 2) if self._quick else full

    def imports(self) -> Measured:
        return imports.measure(self._timing("cold imports"), self._rounds(imports.ROUNDS))

    def warm(self, stand: Stand) -> Measured:
        return warm.measure(stand, self._timing("warm calls"), self._rounds(warm.ROUNDS))

    def post(self, stand: Stand) -> Measured:
        glue = rival.deploy(stand)
        return post.measure(stand, glue, self._timing("POST /runs"), self._rounds(post.ROUNDS))

    def cost(self, stand: Stand) -> Measured:
        return cost.measure(stand, self._console.phase("units and calls"), self._rounds(cost.RUNS))

    def legs(self, stand: Stand) -> Measured:
        return legs.measure(stand, self._timing("legs"), self._rounds(legs.RUNS))

    def batches(self, stand: Stand) -> Measured:
        items = batches.QUICK_ITEMS if self._quick else batches.ITEMS
        tell = self._timing("batches")
        try:
            return batches.measure(stand, tell, 1 if self._quick else batches.ROUNDS, items)
        except (TimeoutError, RuntimeError) as problem:  # what was measured before is worth keeping
            print(f"batches were not measured: {problem}", file=sys.stderr)
            return {"raw": None}

    def gates(self, stand: Stand) -> Measured:
        jobs = gates.SLOTS * 2 if self._quick else gates.JOBS
        tell = self._timing("gates")
        try:
            return gates.measure(stand, tell, self._rounds(gates.RUNS), jobs)
        except (TimeoutError, RuntimeError) as problem:  # what was measured before is worth keeping
            print(f"limits were not measured: {problem}", file=sys.stderr)
            return {"raw": None}

    def peers(self, stand: Stand) -> Measured:
        return peers.measure(stand, self._console.phase("peers"))

    def callbacks(self, stand: Stand) -> Measured:
        tell = self._timing("callbacks")
        runs = callbacks.of_runs(stand, tell, self._rounds(callbacks.RUNS))
        rates = {rate: QUICK_S if self._quick else seconds for rate, seconds in callbacks.RATES.items()}
        return {"runs_s": runs, "rates": callbacks.at_rates(stand, tell, rates)}

    def tenants(self, stand: Stand) -> Measured:
        return tenants.measure(stand, self._timing("tenants"), self._rounds(tenants.STARTS))

    def growth(self) -> Measured:
        sizes = (0, 100, 1_000) if self._quick else growth.SIZES
        return growth.measure(self._timing("growth"), self._rounds(growth.ROUNDS), sizes)

    def low_rates(self, stand: Stand) -> Measured:
        return low_rates.measure(stand, self._timing("low rates"), QUICK_S * 3 if self._quick else low_rates.SECONDS)

    def waiting(self, stand: Stand) -> Measured:
        return waiting.measure(stand, self._timing("waiting"), self._rounds(waiting.QUICK_RUNS))

    def _timing(self, name: str) -> Callable[[str], None]:
        tell = self._console.phase(name)
        machine.wait_for_quiet(tell, QUICK_S if self._quick else PATIENCE_S)
        return tell


ON_THE_STAND = (
    "warm",
    "post",
    "low_rates",
    "cost",
    "legs",
    "peers",
    "callbacks",
    "waiting",
    "tenants",
    "gates",
    "batches",
)
ALL = ("imports", *ON_THE_STAND, "growth")


def measure(wanted: list[str], phases: Phases) -> Measured:
    found: Measured = {}
    if "imports" in wanted:
        found["imports"] = phases.imports()
    if set(wanted) & set(ON_THE_STAND):
        with Benchground() as stand:
            found |= {phase: getattr(phases, phase)(stand) for phase in ON_THE_STAND if phase in wanted}
    if "growth" in wanted:
        found["growth"] = phases.growth()
    return found


def main() -> int:
    asked = _arguments()
    wanted = asked.only.split(",") if asked.only else list(ALL)
    whole = wanted == list(ALL) and not asked.quick
    console, began = Console(), time.time()
    about = machine.describe()
    try:
        found = measure(wanted, Phases(console, quick=asked.quick))
    except (EngineProblem, EmulatorProblem, TimeoutError) as problem:
        console.end()
        print(f"error: {problem}", file=sys.stderr)
        return 1
    console.end()
    result = report.result(found, about, began)
    path = report.write(result, whole=whole)
    print(report.shown(result))
    print(f"{path}: everything, with raw samples ({time.time() - began:.0f} s)")
    missed = bars.missed(result) if wanted == list(ALL) else []
    for line in missed:
        print(f"  not held: {line}")
    return 1 if missed and asked.strict else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--quick", action="store_true", help="few samples: does it run, not how fast")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a bar does not hold")
    parser.add_argument("--only", default="", help=f"some of {', '.join(ALL)}")
    asked = parser.parse_args()
    unknown = set(filter(None, asked.only.split(","))) - set(ALL)
    if unknown:
        parser.error(f"there is no phase {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())

"""What a result was measured on, and waiting for a machine that has time."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.samples import Progress

DISTRIBUTIONS = ("boto3", "botocore", "pynamodb", "chalice", "msgspec", "aws-lambda-powertools", "zappa")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load, and the versions that were measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in DISTRIBUTIONS},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def wait_for_quiet(tell: Progress, patience_s: float, enough: float | None = None) -> float:
    """Until the load of the last minute is below the number of cores, or `patience_s` is over; returns the load."""
    enough = enough or float(os.cpu_count() or 1)
    deadline = time.monotonic() + patience_s
    while (load := os.getloadavg()[0]) >= enough and time.monotonic() < deadline:
        tell(f"the machine is busy (load {load:.1f}); waiting for below {enough:.0f}")
        time.sleep(2)
    return load


def shown(names: Sequence[str], versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in names)

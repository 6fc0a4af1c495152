"""Unit: the profiler's memory and speed, on a 10 MB file in a process of its own. A second or two each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells the memory")
# the peak of this process alone: getrusage would count the one that started it, which may be a large pytest
MEASURE = """
import json, os, sys, time
from pathlib import Path
from chalicelib.jobs.csv_profile import Source, profile

def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10

before = peak_mb()
with open(sys.argv[1], "rb") as file:
    began = time.process_time()
    found = profile(Source(file.read, os.path.getsize(sys.argv[1])))
    seconds = time.process_time() - began
print(json.dumps({"rows": found["rows"], "seconds": seconds, "before": before, "after": peak_mb()}))
"""


def measured(path: Path, mb: float) -> dict[str, Any]:
    make = [sys.executable, str(ROOT / "examples" / "make_csv.py"), "--mb", str(mb), "--out", str(path)]
    subprocess.run(make, check=True, capture_output=True, timeout=120)
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def ten_mb(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return measured(tmp_path_factory.mktemp("csv") / "10.csv", 10)


@pytest.fixture(scope="module")
def three_mb(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return measured(tmp_path_factory.mktemp("csv") / "3.csv", 3)


def test_ten_megabytes_take_less_than_sixty_of_memory(ten_mb: dict[str, Any]) -> None:
    assert ten_mb["rows"] > 100_000
    assert ten_mb["before"] < ten_mb["after"] < 60


def test_three_times_the_file_does_not_take_more_memory(ten_mb: dict[str, Any], three_mb: dict[str, Any]) -> None:
    grown = ten_mb["after"] - ten_mb["before"], three_mb["after"] - three_mb["before"]
    assert grown[0] - grown[1] < 12, f"10 MB took {grown[0]} MB, 3 MB took {grown[1]}"

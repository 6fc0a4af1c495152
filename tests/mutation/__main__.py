"""`make mutants [SEED=…] [MINUTES=20] [PATHS="invoke_once/life chalicelib"]`: a sample of mistakes, and who notices.

    python -m tests.mutation [--seed N] [--minutes M] [--most N] [--processes 2] [PATH …] [--tests PATH …]

The seed is the day's unless told. Survivors are printed as they are met, then a table by folder and module, and
the score.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import sys
from collections import Counter
from pathlib import Path

from infra.paths import ROOT
from tests.mutation import known, run
from tests.mutation.mistakes import Mistake, mistakes

ROOTS = ("invoke_once", "chalicelib")
#: Surfaces for people and programs outside, and samples: their tests look at what they print and send.
NOT_CORE = frozenset({"cli", "client", "client_errors.py", "pytest_plugin.py", "web", "openapi", "jobs"})


def core(paths: list[Path]) -> list[Path]:
    """The core's files under these paths; an `__init__` only names. One that is told by name, whatever it is."""
    found = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("[!_]*.py")))]
    return [file for file in found if file in paths or not NOT_CORE & set(file.relative_to(ROOT).parts)]


def main() -> int:
    asked = _arguments()
    paths = [ROOT / path for path in asked.paths or ROOTS]
    equivalent = run.equivalent()
    found = [one for file in core(paths) for one in mistakes(file)]
    random.Random(asked.seed).shuffle(found)
    print(
        f"{len(found)} mistakes in {len(core(paths))} files, seed {asked.seed}, {asked.minutes:g} minutes", flush=True
    )
    noticed, all_of, left_out = Counter[Path](), Counter[Path](), 0
    wanted = [one for one in found if run.name(one) not in equivalent]

    def told(mistake: Mistake, verdict: str) -> None:
        all_of[mistake.path] += 1
        noticed[mistake.path] += verdict != run.SURVIVED
        if verdict == run.SURVIVED:
            print(f"  not noticed: {mistake}".replace(f"{ROOT}/", ""), flush=True)

    tests = known.test_files([ROOT / path for path in asked.tests] or known.FOLDERS)
    tried = run.sample(wanted[: asked.most or len(wanted)], tests, asked.minutes * 60, asked.processes, told)
    reached = set(found[: found.index(wanted[tried - 1]) + 1]) if tried else set()
    left_out = sum(run.name(one) in equivalent for one in reached)
    folders = {path.parent for path in all_of}
    for path in sorted(all_of | dict.fromkeys(folders, 0)):
        inside = [one for one in all_of if path in (one, one.parent)]
        seen, of = sum(noticed[one] for one in inside), sum(all_of[one] for one in inside)
        print(f"  {seen / of:7.1%}  {seen:4} of {of:4}  {path.relative_to(ROOT)}{'/' if path in folders else ''}")
    total = max(all_of.total(), 1)
    print(
        f"{100 * noticed.total() / total:.1f} % of {all_of.total()} mistakes noticed ({left_out} equivalent left out)"
    )
    return 1 if asked.least and 100 * noticed.total() / total < asked.least else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("paths", nargs="*", help="files and folders; the core of both packages by default")
    parser.add_argument("--seed", type=int, default=dt.date.today().toordinal())  # noqa: DTZ011
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--most", type=int, default=0, help="at most so many mistakes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--tests", nargs="*", default=[], help="test files and folders; all that need no stack by default"
    )
    parser.add_argument("--least", type=float, default=0, help="end with 1 below so many percent")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

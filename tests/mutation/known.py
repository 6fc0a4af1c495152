"""Which tests could notice a mistake: a traced run says which lines each of them runs, and how long it takes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

from infra.paths import LOCAL, ROOT
from tests.mutation.forks import forked
from tests.mutation.mistakes import Mistake
from tests.mutation.touched import Touched

PRODUCT = (ROOT / "invoke_once", ROOT / "chalicelib")
#: Tests that need no stack. Those of the command line, the client and the samples look at none of the core.
FOLDERS = [ROOT / "tests" / folder for folder in ("unit", "contract", "compat", "machine")]
FOLDERS += [ROOT / "tests" / "node" / "test_export.py"]
WITHOUT = ("cli", "client", "jobs", "bench", "docs", "test_machine.py", "test_mutants.py")
#: `plain`: pytest rewrites the asserts of whoever brings a plugin, and would load the library itself, without mistakes.
QUIET = (
    "-q",
    "--assert=plain",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-m",
    "not stack and not slow and not browser",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
TRACED = (*(option for option in QUIET if option != "-x"), "--continue-on-collection-errors")
CACHE = LOCAL / "mutation"
#: Of one mistake: seconds of tests as they were traced, how many of them, and the seconds of one test file, unless it
#: is the module's own: a slow one leaves the others their time.
BUDGET_S, MOST_TESTS, SHARE_S = 40.0, 1_000, 8.0


@dataclass
class Known:
    """Of each test: its seconds, and the lines it runs by file. `changed`: files that were others then."""

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[str, Sequence[int]]]
    changed: frozenset[str] = frozenset()

    def tests_of(self, mistake: Mistake, *, at_import: bool = False) -> list[str]:
        """Those that run the line; all that run anything of its module, where the file was changed since; and for what
        is done at import the whole of their files and of those that import the module, because who looks at a constant
        runs no line. The module's own test file comes first; then each has its turn, its quickest test first: the one
        that looks at this very thing may be slow, or one of few.
        """
        path, wanted = str(mistake.path), set(mistake.lines)
        touching = {test: set(files[path]) for test, files in self.lines.items() if path in files}
        exact = [test for test, lines in touching.items() if lines & wanted]
        wide: Iterable[str] = (path not in self.changed and exact) or touching
        naming: set[str] = set()
        if at_import or not mistake.inside_a_function or not touching:
            naming = importing(mistake.path, self.seconds)
            files = {test.partition("::")[0] for test in touching} | naming
            wide = [test for test in self.seconds if test.partition("::")[0] in files] or self.seconds
        by_file: dict[str, list[str]] = {}
        for test in sorted(wide, key=self.seconds.__getitem__):
            by_file.setdefault(test.partition("::")[0], []).append(test)
        naming |= {file for file in by_file if file.endswith(f"test_{mistake.path.stem}.py")}
        near = sorted((test for file in naming for test in by_file.get(file, [])), key=self.seconds.__getitem__)
        in_turns = (test for row in zip_longest(*by_file.values()) for test in row if test is not None)
        room = 2 if at_import else 1  #: who looks at a constant is found by its import alone
        budget, chosen, spent = room * BUDGET_S, list[str](), Counter[str]()
        for test in dict.fromkeys([*near, *in_turns]):
            file, takes_s = test.partition("::")[0], self.seconds[test]
            its_share = file in naming or spent[file] + takes_s < room * SHARE_S
            if len(chosen) < room * MOST_TESTS and takes_s < budget and its_share:
                budget -= takes_s
                spent[file] += takes_s
                chosen.append(test)
        return sorted(chosen, key=self.seconds.__getitem__)


def importing(module: Path, tests: Iterable[str]) -> set[str]:
    """The test files that name the module in an import."""
    room, _, name = module_of(module).rpartition(".")
    named = re.compile(rf"\b{re.escape(room)}(\.{name}\b| import (\([^)]*|[^\n(]*)\b{name}\b)")
    return {file for file in {test.partition("::")[0] for test in tests} if named.search((ROOT / file).read_text())}


def test_files(paths: Sequence[Path]) -> list[Path]:
    found = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))]
    return [file for file in found if file in paths or not set(file.relative_to(ROOT).parts) & set(WITHOUT)]


def known(tests: Sequence[Path], processes: int) -> Known:
    """Each test file is traced once, and again when it has changed; all of them take a few minutes."""
    traces = {file: CACHE / f"{_sha(file)}-{file.stem}.json" for file in tests}
    untraced = sorted((file for file in tests if not traces[file].exists()), key=lambda file: file.stat().st_size)
    if untraced:
        print(f"which test touches what: {len(untraced)} test files are traced", flush=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        parts = [untraced[n::processes] for n in range(processes)]
        children = [forked(lambda part=part: _trace(part, traces)) for part in parts if part]  # type: ignore[misc]
        if [child for child in children if os.waitpid(child, 0)[1]]:
            raise SystemExit("the tests do not run without a mistake; see them with `make test`")
    found = [json.loads(trace.read_text()) for trace in traces.values()]
    then = {(file, sha) for one in found for file, sha in one["product"].items()}
    changed = frozenset(file for file, sha in then if not Path(file).exists() or _sha(Path(file)) != sha)
    return Known({k: v for one in found for k, v in one["seconds"].items()},
                 {k: v for one in found for k, v in one["lines"].items()}, changed)  # fmt: skip


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _trace(files: Sequence[Path], traces: Mapping[Path, Path]) -> int:
    touched, said = Touched(PRODUCT), io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = pytest.main([*TRACED, *map(str, files)], plugins=[touched])
    for test in touched.failed:
        print(f"  fails by itself, and is left out: {test}", flush=True)
    if not touched.lines:
        print(said.getvalue()[-2000:], flush=True)
        return 1
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        print(f"  the traced run ended early ({code!r}) after {len(touched.lines)} tests", flush=True)
    for file in files:
        mine = f"{file.relative_to(ROOT)}::"
        tests = [test for test in touched.lines if test.startswith(mine) and test not in touched.failed]
        lines = {test: {path: sorted(found) for path, found in touched.lines[test].items()} for test in tests}
        product = {path: _sha(Path(path)) for one in lines.values() for path in one}
        seconds = {test: touched.seconds[test] for test in tests}
        traces[file].write_text(json.dumps({"seconds": seconds, "lines": lines, "product": product}))
    return 0


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

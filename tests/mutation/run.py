"""Try mistakes, some at a time: each in a forked process, with the tests that touch its lines, the quickest first."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import pytest

from infra.paths import LOCAL, ROOT
from tests.mutation import quick
from tests.mutation.mistakes import Mistake
from tests.mutation.touched import Chosen, Planted, Touched

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
HERE = Path(__file__).parent
CACHE = LOCAL / "mutation"
#: Of one mistake: seconds of tests as they were traced, and how many of them.
BUDGET_S, MOST_TESTS, SLACK_S = 40.0, 400, 20.0
NOTICED, SURVIVED, HUNG = quick.NOTICED, quick.SURVIVED, "hung"
Name = tuple[str, str, str]


def name(mistake: Mistake) -> Name:
    """What `equivalent.toml` calls it."""
    return mistake.where, " ".join(mistake.was.split()), " ".join(mistake.now.split())


def equivalent() -> dict[Name, str]:
    """Mistakes that nobody can tell from the right thing: {name: why}."""
    listed = tomllib.loads((HERE / "equivalent.toml").read_text())["mistake"]
    return {(one["where"], one["was"], one["now"]): one["why"] for one in listed}


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
        if at_import or not mistake.inside_a_function or not touching:
            files = {test.partition("::")[0] for test in touching} | _importing(mistake.path, self.seconds)
            wide = [test for test in self.seconds if test.partition("::")[0] in files] or self.seconds
        by_file: dict[str, list[str]] = {}
        for test in sorted(wide, key=self.seconds.__getitem__):
            by_file.setdefault(test.partition("::")[0], []).append(test)
        own = [test for file, some in by_file.items() if file.endswith(f"test_{mistake.path.stem}.py") for test in some]
        in_turns = (test for row in zip_longest(*by_file.values()) for test in row if test is not None)
        budget, chosen = BUDGET_S, list[str]()
        for test in dict.fromkeys([*own, *in_turns]):
            if len(chosen) < MOST_TESTS and self.seconds[test] < budget:
                budget -= self.seconds[test]
                chosen.append(test)
        return sorted(chosen, key=self.seconds.__getitem__)


def _importing(module: Path, tests: Iterable[str]) -> set[str]:
    """The test files that name the module in an import."""
    room, _, name = _module(module).rpartition(".")
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
        children = [_forked(lambda part=part: _trace(part, traces)) for part in parts if part]  # type: ignore[misc]
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


def sample(
    wanted: Sequence[Mistake], files: Sequence[Path], seconds: float, processes: int,
    told: Callable[[Mistake, str], None],
) -> int:  # fmt: skip
    """Try mistakes in their order until the time is over; returns how many were tried."""
    tests = known(files, processes)
    _warm()
    _control(next((one for one in wanted if one.inside_a_function and tests.tests_of(one)), None), tests)
    until = time.monotonic() + seconds
    reading, writing = os.pipe()
    shares = [range(n, len(wanted), processes) for n in range(processes)]
    workers = [_forked(lambda share=share: _work(share, wanted, files, tests, until, writing)) for share in shares]  # type: ignore[misc]
    os.close(writing)
    tried = 0
    with os.fdopen(reading) as verdicts:
        for line in verdicts:
            n, verdict = line.split()
            tried = max(tried, int(n) + 1)
            told(wanted[int(n)], verdict)
    if [worker for worker in workers if os.waitpid(worker, 0)[1]]:
        raise SystemExit("a process that tries mistakes has ended early")
    return tried


def _work(
    share: Iterable[int], wanted: Sequence[Mistake], files: Sequence[Path], tests: Known, until: float, verdicts: int
) -> int:
    """One process that tries its share of the mistakes: the quick way, and where that is not able to, the slow one."""

    def choose(n: int) -> tuple[Mistake, Sequence[str], float]:
        found = tests.tests_of(wanted[n])
        return wanted[n], found, SLACK_S + 4 * sum(tests.seconds[test] for test in found)

    with _asked(files, choose) as ask:
        for n in share:
            if time.monotonic() > until:
                break
            mistake, chosen, limit_s = choose(n)
            verdict = ask(n) if chosen else SURVIVED
            if verdict == quick.UNABLE:
                verdict = _slowly(mistake, tests.tests_of(mistake, at_import=True), limit_s)
            os.write(verdicts, f"{n} {verdict}\n".encode())
    return 0


@contextmanager
def _asked(
    files: Sequence[Path], choose: Callable[[int], tuple[Mistake, Sequence[str], float]]
) -> Iterator[Callable[[int], str]]:
    """The process of the quick way; `ask(n)` says what it found of mistake n."""
    (its_questions, questions), (answers, its_answers) = os.pipe(), os.pipe()

    def serve() -> int:
        os.close(questions)
        os.close(answers)
        server = quick.Server(os.fdopen(its_questions), os.fdopen(its_answers, "w"), choose, _ended)
        server.watch_imports(tuple(f"{root}{os.sep}" for root in PRODUCT))
        with tempfile.TemporaryDirectory() as temporary:
            options = [*TRACED, f"--basetemp={temporary}/tests", *map(str, files)]
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                pytest.main(options, plugins=[server])
        return 0

    child = _forked(serve)
    os.close(its_questions)
    os.close(its_answers)
    with os.fdopen(questions, "w") as asking, os.fdopen(answers) as answered:

        def ask(n: int) -> str:
            asking.write(f"{n}\n")
            asking.flush()
            return answered.readline().strip() or _over()

        yield ask
    os.waitpid(child, 0)


def _slowly(mistake: Mistake, chosen: Sequence[str], limit_s: float) -> str:
    """In a process that imports it: first with the tests of those who name its module, which are few to collect."""
    near = _importing(mistake.path, chosen)
    parts = [[test for test in chosen if (test.partition("::")[0] in near) is its] for its in (True, False)]
    for part in filter(None, parts):
        code = _ended(lambda part=part: _try(mistake, part), limit_s)  # type: ignore[misc]
        if code != 0:
            return HUNG if code is None else NOTICED
    return SURVIVED


def _over() -> str:
    raise SystemExit("the tests could not be collected; see why with `make test`")


def _control(mistake: Mistake | None, tests: Known) -> None:
    """Planted without its mistake, nobody notices anything: else nothing that follows would prove anything."""
    if mistake is not None:
        none = replace(mistake, now=mistake.was)
        child = _forked(lambda: _try(none, tests.tests_of(mistake)))
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"tests fail although no mistake is planted: those of {mistake}")


def _ended(work: Callable[[], int], limit_s: float) -> int | None:
    """The exit code of a fork that does it; None: it has not ended by then, and is killed."""
    child, limit = _forked(work), time.monotonic() + limit_s
    while time.monotonic() < limit:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _try(mistake: Mistake, tests: Sequence[str]) -> int:
    """The exit code of pytest; 0 says that nobody noticed."""
    sys.meta_path.insert(0, Planted(_module(mistake.path), mistake.path, mistake.planted()))  # type: ignore[arg-type]
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return int(pytest.main([*QUIET, *files], plugins=[Chosen(tests)]))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _warm() -> None:
    """What every test needs and no mistake is in: imported once, before the forks."""
    import boto3
    import chalice
    import httpx
    import hypothesis.stateful
    import msgspec
    import pynamodb.models

    assert all((boto3, chalice, httpx, hypothesis, msgspec, pynamodb))
    loaded = [module for module in sys.modules if module.partition(".")[0] in ("invoke_once", "chalicelib")]
    assert not loaded, f"{loaded} are imported already: a mistake there would not be seen"


def _forked(work: Callable[[], int]) -> int:
    """The pid of a child, the head of its own process group, that ends with what `work` returns."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        code = work()
    finally:
        os._exit(code)

"""Try mistakes, some at a time: each in a forked process, with the tests that touch its lines, the quickest first."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation import quick
from tests.mutation.forks import ended, forked
from tests.mutation.known import PRODUCT, QUIET, TRACED, Known, importing, known, module_of
from tests.mutation.mistakes import Mistake
from tests.mutation.touched import Chosen, Planted

HERE = Path(__file__).parent
SLACK_S = 20.0  #: of each mistake, beside its tests
NOTICED, SURVIVED, HUNG = quick.NOTICED, quick.SURVIVED, "hung"
Name = tuple[str, str, str]


def name(mistake: Mistake) -> Name:
    """What `equivalent.toml` calls it."""
    return mistake.where, " ".join(mistake.was.split()), " ".join(mistake.now.split())


def equivalent() -> dict[Name, str]:
    """Mistakes that nobody can tell from the right thing: {name: why}."""
    listed = tomllib.loads((HERE / "equivalent.toml").read_text())["mistake"]
    return {(one["where"], one["was"], one["now"]): one["why"] for one in listed}


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
    workers = [forked(lambda share=share: _work(share, wanted, files, tests, until, writing)) for share in shares]  # type: ignore[misc]
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
        server = quick.Server(os.fdopen(its_questions), os.fdopen(its_answers, "w"), choose, ended)
        server.watch_imports(tuple(f"{root}{os.sep}" for root in PRODUCT))
        with tempfile.TemporaryDirectory() as temporary:
            options = [*TRACED, f"--basetemp={temporary}/tests", *map(str, files)]
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
                pytest.main(options, plugins=[server])
        return 0

    child = forked(serve)
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
    near = importing(mistake.path, chosen)
    parts = [[test for test in chosen if (test.partition("::")[0] in near) is its] for its in (True, False)]
    for part in filter(None, parts):
        code = ended(lambda part=part: _try(mistake, part), limit_s)  # type: ignore[misc]
        if code != 0:
            return HUNG if code is None else NOTICED
    return SURVIVED


def _over() -> str:
    raise SystemExit("the tests could not be collected; see why with `make test`")


def _control(mistake: Mistake | None, tests: Known) -> None:
    """Planted without its mistake, nobody notices anything: else nothing that follows would prove anything."""
    if mistake is not None:
        none = replace(mistake, now=mistake.was)
        child = forked(lambda: _try(none, tests.tests_of(mistake)))
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"tests fail although no mistake is planted: those of {mistake}")


def _try(mistake: Mistake, tests: Sequence[str]) -> int:
    """The exit code of pytest; 0 says that nobody noticed."""
    sys.meta_path.insert(0, Planted(module_of(mistake.path), mistake.path, mistake.planted()))  # type: ignore[arg-type]
    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return int(pytest.main([*QUIET, *files], plugins=[Chosen(tests)]))


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

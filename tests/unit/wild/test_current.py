"""`current_run()` from threads, executors and forks; and which process may tell of a run."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import ContinueLater, NoCurrentRun
from invoke_once.testing import Bench

POOL = ThreadPoolExecutor(2)  # as one that a module keeps over invocations


def ids_of_a_pool() -> list[str]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: current_run().id, range(2)))


def ids_of_a_kept_pool() -> list[str]:
    return list(POOL.map(lambda _: current_run().id, range(2)))


def ids_of_threads() -> list[str]:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(current_run().id)) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    return found


def ids_of_an_event_loop() -> list[str]:
    async def work() -> list[str]:
        in_executor = asyncio.get_running_loop().run_in_executor(None, lambda: current_run().id)
        return [await in_executor, current_run().id]

    return asyncio.run(work())


@pytest.mark.parametrize("ids", [ids_of_a_pool, ids_of_a_kept_pool, ids_of_threads, ids_of_an_event_loop])
def test_any_thread_of_the_process_knows_its_run(ids: Callable[[], list[str]]) -> None:
    bench = Bench()
    handler = tracked(lambda _event, _context: ids())
    for _ in range(2):  # and the second run is not the first one
        run = bench.run(handler)
        assert run.output == [run.id, run.id]


def test_progress_and_cancel_work_from_a_pools_thread() -> None:
    bench = Bench()

    def work() -> bool:
        current_run().progress(0.5, "from a thread")
        return current_run().cancel_requested

    run = bench.run(tracked(lambda _event, _context: POOL.submit(work).result()))
    assert (run.output, run.progress, run.head.message) == (False, 0.5, "from a thread")


def test_with_two_runs_in_the_process_a_thread_has_to_bring_its_context() -> None:
    bench, both = Bench(), threading.Barrier(2, timeout=10)
    told: list[str] = []

    def ask() -> str:
        try:
            return current_run().id
        except NoCurrentRun as error:
            told.append(str(error))
            return ""

    @tracked
    def handler(_event: Any, _context: Any) -> list[str]:
        both.wait()
        lost, brought = POOL.submit(ask), POOL.submit(copy_context().run, ask)
        found = [lost.result(), brought.result()]
        both.wait()
        return found

    heads = [bench.start(n) for n in range(2)]
    threads = [threading.Thread(target=bench.deliver, args=(handler, head)) for head in heads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bench.finished(head.run_id).output for head in heads] == [["", head.run_id] for head in heads]
    assert len(told) == 2 and all("copy_context" in words and "several" in words for words in told)


@pytest.mark.parametrize("name", ["AWS_LAMBDA_FUNCTION_NAME", "ONCE_RUNS_TABLE"])
def test_a_deployed_function_never_has_a_constant_id(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_run().id == "local"
    monkeypatch.setenv(name, "x")
    with pytest.raises(NoCurrentRun, match="copy_context"):
        _ = current_run().id


def forked(then: Callable[[], Any]) -> int:
    """The exit code of a fork that does `then`, in the place of the handler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which are idle here
        pid = os.fork()
    if pid == 0:
        then()
        raise SystemExit(7)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("then", "code"),
    [
        (lambda: sys.exit(0), 0),
        (lambda: sys.exit(3), 3),
        (lambda: sys.exit("words"), 1),
        (lambda: _raise(ValueError("in the fork")), 1),
        (lambda: _raise(KeyboardInterrupt()), 1),
        (lambda: current_run().progress(0.9, "by the fork"), 7),
    ],
)
def test_a_fork_that_comes_back_from_the_handler_ends_and_tells_nothing(then: Callable[[], Any], code: int) -> None:
    bench = Bench()
    run = bench.run(tracked(lambda _event, _context: forked(then)))
    assert (run.status, run.output, run.progress) == ("succeeded", code, None)


def test_what_a_fork_has_printed_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        Bench().run(tracked(lambda _event, _context: forked(lambda: out.write("by the fork"))))
        monkeypatch.undo()
    assert "by the fork" in (tmp_path / "out").read_text()


def test_a_fork_knows_its_run_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> Any:
        run: Any = current_run()
        monkeypatch.setattr(run, "_pid", os.getpid() + 1)  # as in a fork
        before = bench.table.writes
        bench.clock.step(60_000)
        run.progress(0.5, "x")
        run.beat(1_000)
        _ = run.cancel_requested
        with pytest.raises(RuntimeError, match="only the process that claimed"):
            run.run_out(1)
        told = [run.id == current_run().id, bench.table.writes - before]
        monkeypatch.undo()
        return told

    assert bench.run(handler).output == [True, 0]


def _progress_of_a_worker(_: int) -> str:
    current_run().progress(0.9, "worker")
    return current_run().id


def test_worker_processes_know_the_run() -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            with multiprocessing.get_context("fork").Pool(1) as pool:
                return pool.map(_progress_of_a_worker, [1, 2])

    run = bench.run(handler)
    assert run.output == [run.id, run.id] and run.progress is None


def test_outside_any_run_everything_is_there_and_does_nothing() -> None:
    run = current_run()
    assert (run.id, run.attempt, run.function, run.tenant, run.leg) == ("local", 1, "local", "local", 1)
    assert (run.traceparent, run.tracestate, run.state, run.cancel_requested) == (None, None, None, False)
    assert run.time_left == math.inf
    run.progress(0.5, "m")
    run.checkpoint({}, 0.5, "m", now=True)
    run.check()
    with pytest.raises(ContinueLater) as later:
        run.continue_later(7)
    assert later.value.after_s == 7

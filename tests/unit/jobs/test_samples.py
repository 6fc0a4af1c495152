"""Unit: the small samples. Their clocks are stepped; what kills a process runs in one of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.jobs import count as count_job
from chalicelib.jobs import crash as crash_job
from chalicelib.jobs import echo as echo_job
from chalicelib.jobs import fail as fail_job
from chalicelib.jobs import sleep as sleep_job
from chalicelib.jobs.pausing import pause
from invoke_once import RunCancelled
from invoke_once.testing import Bench

ROOT = Path(__file__).parents[3]


class Stepped:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_pause_takes_its_time_in_small_steps_and_tells_how_far_it_is(run: Any) -> None:
    clock = Stepped()
    pause(2.2, run, clock, clock.sleep)
    assert clock.now == pytest.approx(102.2)
    assert max(clock.slept) <= 0.5
    fractions = [fraction for fraction, _ in run.told]
    assert fractions == sorted(fractions)
    assert (fractions[0], run.told[2]) == (0, (pytest.approx(1 / 2.2), "1 of 2.2 s"))
    assert run.told[-1] == (1.0, "2.2 of 2.2 s")


def test_a_cancel_ends_a_pause_within_a_step(make_run: Any) -> None:
    clock = Stepped()
    with pytest.raises(RunCancelled):
        pause(3600, make_run(cancelled_after_checks=3), clock, clock.sleep)
    assert clock.now == 101.5


def test_a_cancel_in_the_last_step_still_counts(make_run: Any) -> None:
    clock = Stepped()
    with pytest.raises(RunCancelled):
        pause(0.5, make_run(cancelled_after_checks=1), clock, clock.sleep)


def test_sleep_says_how_long_it_slept(run: Any) -> None:
    assert sleep_job.sleep({"seconds": 0}, run) == {"slept_seconds": 0}


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", True, None, [1]])
def test_sleep_refuses_what_is_no_time(run: Any, seconds: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="`seconds`"):
        sleep_job.sleep({"seconds": seconds}, run)
    with pytest.raises(TypeError, match="must be an object with `seconds`, not a string"):
        sleep_job.sleep("5", run)


@pytest.mark.parametrize(("attempt", "times", "fails"), [(1, 1, True), (2, 1, False), (3, 3, True), (1, 0, False)])
def test_fail_fails_on_that_many_attempts(make_run: Any, attempt: int, times: int, fails: bool) -> None:
    run = make_run(attempt=attempt)
    if fails:
        with pytest.raises(fail_job.AskedToFail, match=r"^boom-ünïcode$"):
            fail_job.fail({"message": "boom-ünïcode", "times": times}, run)
    else:
        assert fail_job.fail({"times": times}, run) == {"succeeded_on_attempt": attempt}


@pytest.mark.parametrize("given", [{"times": one} for one in (-1, 1.5, "1", True)] + [{"message": 1}])
def test_fail_refuses_what_it_cannot_do(run: Any, given: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=r"`(times|message)`"):
        fail_job.fail(given, run)


def test_fail_as_a_run_is_retried_until_it_succeeds() -> None:
    bench = Bench(function="fail", max_attempts=3)
    head = bench.start({"message": "no", "times": 1})
    bench.deliver(fail_job.handler, head)
    assert bench.finished(head.run_id).status == "queued"
    bench.clock.step(3_600_000)
    bench.deliver(fail_job.handler, head)
    ended = bench.finished(head.run_id)
    assert (ended.status, ended.attempt, ended.output) == ("succeeded", 2, {"succeeded_on_attempt": 2})


@pytest.mark.parametrize("given", [None, 0, "", "é", [], {}, {"a": [None]}, {"__size": 1, "b": 2}])
def test_echo_returns_what_it_is_given(given: Any) -> None:
    assert echo_job.echo(given) == given


def test_echo_makes_a_string_of_the_size_asked_for() -> None:
    assert echo_job.echo({"__size": 3_000_000}) == "x" * 3_000_000
    assert echo_job.echo({"__size": 0}) == ""
    with pytest.raises(ValueError, match="`__size` must be from 0 to"):
        echo_job.echo({"__size": 10**12})


class OneCounter:
    """DynamoDB's ADD on a string set, and a botocore that may send an update twice."""

    def __init__(self, sends: int = 1) -> None:
        self.marks, self.asked, self._sends = set[str](), dict[str, Any](), sends

    def update_item(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        for _ in range(self._sends):
            self.marks |= set(asked["ExpressionAttributeValues"][":mark"]["SS"])
        return {"Attributes": {"marks": {"SS": sorted(self.marks)}}}


def test_count_adds_one_each_time(run: Any) -> None:
    counters = count_job.Counters(client := OneCounter(), "runs")
    answers = [count_job.count({"counter": "a", "seconds": 0}, run, counters) for _ in range(3)]
    assert answers == [{"counter": "a", "count": n} for n in (1, 2, 3)]
    assert client.asked["TableName"] == "runs"
    assert client.asked["Key"] == {"run_id": {"S": "counter#a"}, "part": {"S": "counter"}}


def test_an_update_that_is_sent_twice_counts_once() -> None:
    counters = count_job.Counters(OneCounter(sends=2), "runs")
    assert [counters.add_one("a", 0), counters.add_one("a", 0)] == [1, 2]


def test_a_counter_expires() -> None:
    count_job.Counters(client := OneCounter(), "runs").add_one("a", now_s=1_000)
    assert client.asked["ExpressionAttributeValues"][":expires_at"] == {"N": str(1_000 + 7 * 86_400)}


def test_count_counts_before_it_sleeps_so_that_a_run_cut_short_shows(make_run: Any) -> None:
    client = OneCounter()
    given, counters = {"counter": "a", "seconds": 60}, count_job.Counters(client, "runs")
    with pytest.raises(RunCancelled):
        count_job.count(given, make_run(cancelled_after_checks=0), counters)
    assert len(client.marks) == 1


@pytest.mark.parametrize("given", [{}, {"counter": ""}, {"counter": 1}, {"counter": "a", "seconds": "1"}])
def test_count_counts_nothing_for_an_input_it_refuses(run: Any, given: dict[str, Any]) -> None:
    client = OneCounter()
    with pytest.raises((ValueError, TypeError), match=r"`(counter|seconds)`"):
        count_job.count(given, run, count_job.Counters(client, "runs"))
    assert not client.marks


@pytest.mark.parametrize("given", [{}, {"how": "gently"}, {"how": 1}, None])
def test_crash_refuses_ways_it_does_not_know(given: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="`how`"):
        crash_job.way(given)


def test_crash_sleeps_beyond_the_longest_time_a_lambda_has() -> None:
    clock = Stepped()
    with pytest.raises(RuntimeError, match="no time limit ended this attempt"):
        crash_job.outlast(clock.sleep)
    assert sum(clock.slept) > 900


DYING = """
import resource, sys, types
import chalicelib.jobs.crash as crash
how, limit_mb, machine_mb = sys.argv[1], sys.argv[2], int(sys.argv[3])
if machine_mb:
    resource.setrlimit(resource.RLIMIT_AS, (machine_mb << 20, machine_mb << 20))
crash.handler.__wrapped__({"how": how}, types.SimpleNamespace(memory_limit_in_mb=limit_mb))
"""
# in between, so that the peak is not that of the pytest that started it
WATCHING = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss >> 10)
process.returncode = status
"""


def died(how: str, limit_mb: int = 64, machine_mb: int = 0) -> tuple[int, int]:
    """How a process in which `crash` runs ends, and the most memory it had, in MB."""
    command = [sys.executable, "-c", WATCHING, DYING, how, str(limit_mb), str(machine_mb)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=ROOT)
    status, most_mb = done.stdout.split()
    return int(status), int(most_mb)


def test_crash_exit_ends_the_process_at_once() -> None:
    assert died("exit")[0] == 1


def test_crash_memory_takes_more_than_the_limit_and_is_killed_where_nobody_enforces_it() -> None:
    status, most_mb = died("memory", limit_mb=160)
    assert status == -signal.SIGKILL
    assert 160 < most_mb < 160 * 3 // 2 + 64


def test_crash_memory_is_killed_where_memory_is_refused() -> None:
    status, most_mb = died("memory", limit_mb=512, machine_mb=256)
    assert status == -signal.SIGKILL
    assert most_mb < 256

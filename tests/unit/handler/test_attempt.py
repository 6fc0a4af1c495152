"""One attempt: what its handler may do, what is recorded of it, and how it holds out when the table is away."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from invoke_once import AttemptSuperseded, RunCancelled, current_run, tracked
from invoke_once.errors import NotClaimed, StoreUnavailable
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.envelope import fired_event
from invoke_once.handler.live import MESSAGE_CHARS, TELL_EVERY_MS
from invoke_once.handler.outcomes import out_of_time, raised, returned
from invoke_once.handler.runtime import Policy, Runtime, use_runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Move
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from invoke_once.testing import Bench, Context, MemoryObjects, MemoryTable

LEFT_MS = 60_000


class Flaky(MemoryTable):
    """Answers as planned, then well: "lost" (written, unheard), "late" (written, after `late`), else why it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.plan: list[str] = []
        self.letters: list[str] = []
        self.late: Callable[[], object] = int

    def write(self, move: Move) -> Written | Unwritten:
        self.letters.append(move.letter)
        what = self.plan.pop(0) if self.plan else ""
        if what not in ("", "lost", "late"):
            raise StoreUnavailable(what, what.rpartition(": ")[2])
        outcome = super().write(move)
        if what == "late":
            self.late()
        if what == "lost":
            raise StoreUnavailable("lost")
        return outcome


@dataclass
class Work:
    """A claimed run, and its attempt."""

    policy: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bench = Bench(**self.policy)
        self.table = Flaky()
        self.store = self.bench.store = Store(self.table)
        self.objects = MemoryObjects()
        self.slept: list[float] = []
        self.runtime = Runtime(self.store, Payloads(self.store, self.objects), self.bench.clock, Policy(), self.sleep)
        self.queued = self.bench.start({"n": 1})
        claim = self.store.apply(moves.claim(self.queued.run_id, self.queued.generation, self.bench.clock(), LEFT_MS))
        assert isinstance(claim, Applied)
        self.head = claim.head
        self.attempt = Attempt(self.runtime, self.head, self.bench.clock() + LEFT_MS)
        self.table.letters.clear()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.bench.clock.step(int(seconds * 1000))

    def now(self) -> Head:
        head = self.store.get(self.head.run_id, self.bench.clock())
        assert head is not None
        return head

    def take_over(self) -> None:
        self.bench.clock.to(self.head.lease_until + 1)
        taken = self.store.apply(moves.claim(self.head.run_id, self.head.generation, self.bench.clock(), LEFT_MS))
        assert isinstance(taken, Applied)


@pytest.fixture
def work() -> Work:
    return Work({"max_attempts": 2})


def test_progress_is_written_once_in_two_seconds_and_nothing_is_forgotten(work: Work) -> None:
    for percent in range(50):
        work.attempt.progress(percent / 100, f"{percent} %")
    assert work.table.letters == ["G"] and work.now().progress == 0
    work.bench.clock.step(TELL_EVERY_MS)
    work.attempt.progress(message="later")
    assert (work.now().progress, work.now().message) == (0.49, "later")


def test_the_last_progress_is_kept_with_the_outcome(work: Work) -> None:
    work.attempt.progress(0.1)
    work.attempt.progress(0.9, "nearly")
    work.attempt.settle(returned(1))
    assert (work.now().progress, work.now().message, work.now().status) == (0.9, "nearly", "succeeded")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "half", [], {}])
def test_progress_that_is_no_fraction_is_the_handlers_mistake(work: Work, wrong: Any) -> None:
    with pytest.raises(ValueError, match="fraction"):
        work.attempt.progress(wrong)


def test_progress_is_kept_within_bounds_and_a_message_within_a_size(work: Work) -> None:
    work.attempt.progress(1.7, "m" * 9_999)
    assert (work.now().progress, len(work.now().message or "")) == (1.0, MESSAGE_CHARS)


def test_progress_while_the_table_is_away_is_no_reason_to_fail(work: Work) -> None:
    work.table.plan = ["away"]
    work.attempt.progress(0.5)
    work.attempt.settle(returned(1))
    assert work.now().status == "succeeded"


def test_a_cancel_is_seen_within_two_seconds_by_looking_or_by_telling(work: Work) -> None:
    work.store.apply(moves.request_cancel(work.head))
    assert not work.attempt.cancel_requested  # it has just begun
    work.attempt.check()
    work.bench.clock.step(TELL_EVERY_MS)
    assert work.attempt.cancel_requested
    with pytest.raises(RunCancelled):
        work.attempt.check()
    teller = Work()
    teller.store.apply(moves.request_cancel(teller.head))
    teller.attempt.progress(0.5)
    assert teller.attempt.cancel_requested


def test_an_attempt_that_was_taken_over_is_told_so_and_records_nothing(work: Work) -> None:
    work.take_over()
    work.attempt.progress(0.5)
    with pytest.raises(AttemptSuperseded):
        work.attempt.check()
    before = work.now()
    assert isinstance(work.attempt.settle(returned("late")), Refused)
    assert work.now() == before


def test_a_superseded_body_that_only_asks_learns_it_too(work: Work) -> None:
    work.take_over()
    work.bench.clock.step(TELL_EVERY_MS)
    with pytest.raises(AttemptSuperseded):
        work.attempt.check()
        work.attempt.check()  # the first looked


def test_an_attempt_whose_lease_is_over_but_that_nobody_took_over_still_counts(work: Work) -> None:
    work.bench.clock.to(work.head.lease_until + 3_600_000)
    assert isinstance(work.attempt.settle(returned("late")), Applied)
    assert work.now().status == "succeeded"


def test_of_the_watchdog_and_the_handlers_end_the_first_counts() -> None:
    work = Work()
    work.attempt.run_out(60)
    work.attempt.settle(returned("a moment too late"))
    assert work.now().status == "timed_out"
    assert work.table.letters == ["H"]


@pytest.mark.parametrize("what", ["away", "lost"])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_an_outcome_is_written_again_until_the_table_is_back(work: Work, what: str, times: int) -> None:
    work.table.plan = [what] * times
    assert isinstance(work.attempt.settle(returned({"rows": 3})), Applied)
    assert (work.now().status, len(work.slept)) == ("succeeded", times)
    assert json.loads(work.runtime.payloads.output(work.now())) == {"rows": 3}


def test_the_tries_come_later_and_later(work: Work) -> None:
    work.table.plan = ["away"] * 7
    work.attempt.settle(returned(1))
    for slept, pause in zip(work.slept, (0.1, 0.3, 1, 2, 5, 5, 5), strict=True):
        assert 0.5 <= slept / pause < 1.5


@pytest.mark.parametrize("what", ["away", "lost"])
def test_a_requeue_is_written_again_and_counts_once(work: Work, what: str) -> None:
    work.table.plan = [what, what]
    assert isinstance(work.attempt.settle(raised(RuntimeError("no"))), Applied)
    assert (work.now().status, work.now().attempt, work.table.letters) == ("queued", 1, ["I"] * 3)


def test_an_outcome_that_cannot_be_written_before_the_lease_ends_is_given_up(work: Work) -> None:
    work.table.plan = ["away"] * 10_000
    with pytest.raises(StoreUnavailable):
        work.attempt.settle(returned(1))
    assert work.bench.clock() <= work.head.lease_until
    assert work.now().status == "running"


class Refusing(MemoryObjects):
    """S3 that refuses to keep anything, for as long as it is asked."""

    why = "S3 refused put_object: AccessDenied"
    tries = 0

    def put(self, key: str, data: bytes) -> None:
        self.tries += 1
        raise StoreUnavailable(self.why, self.why.rpartition(": ")[2])


@pytest.mark.parametrize(
    "why", ["S3 refused put_object: AccessDenied", "S3 did not answer put_object: ParamValidationError"]
)
def test_an_output_that_can_never_be_kept_ends_the_run_at_once_with_what_was_refused(work: Work, why: str) -> None:
    objects = Refusing()
    objects.why = why
    work.attempt = Attempt(
        work.runtime._replace(payloads=Payloads(work.store, objects)), work.head, work.bench.clock() + LEFT_MS
    )
    noise = "".join(f"{n * n * 7919:x}" for n in range(4_000))
    assert isinstance(work.attempt.settle(returned(noise)), Applied)
    told = work.bench.finished(work.head.run_id)
    assert (told.status, told.error and told.error["type"]) == ("failed", "OutputNotKept")
    assert told.error is not None and why in told.error["message"]
    assert (work.slept, objects.tries) == ([], 1)


def test_a_refused_progress_is_left_out_of_the_outcome(work: Work) -> None:
    work.attempt.progress(0.1)
    work.attempt.progress(0.9, "odd")
    work.table.plan = ["ValidationException"]
    assert isinstance(work.attempt.settle(returned({"rows": 3})), Applied)
    assert (work.now().status, work.now().message, work.slept) == ("succeeded", None, [])


def test_an_error_that_is_refused_keeps_its_type(work: Work) -> None:
    work.table.plan = ["ValidationException"]
    work.attempt.settle(raised(RuntimeError("no")))
    told = work.bench.finished(work.head.run_id)
    assert (told.status, told.error and told.error["type"], work.slept) == ("failed", "RuntimeError", [])


def test_what_is_refused_whatever_is_written_is_not_tried_until_the_lease_ends(work: Work) -> None:
    work.table.plan = ["AccessDeniedException"] * 99
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        work.attempt.settle(returned(1))
    assert work.slept == []


def test_a_requeue_that_meets_a_cancel_ends_cancelled(work: Work) -> None:
    work.store.apply(moves.request_cancel(work.head))
    work.table.plan = ["", "lost"]
    assert isinstance(work.attempt.settle(raised(RuntimeError("no"))), Applied)
    assert (work.now().status, work.now().error) == ("cancelled", None)


def test_a_timed_out_attempt_is_not_made_again_before_its_body_is_surely_dead(work: Work) -> None:
    deadline_ms = work.bench.clock() + LEFT_MS
    work.bench.clock.step(LEFT_MS - 2_000)
    work.attempt.settle(out_of_time(60))
    assert (work.now().not_before or 0) >= deadline_ms + LEASE_GRACE_MS


@pytest.mark.parametrize(("timed_out", "slot", "kept"), [(True, "gate_k1#0/s3", True), (True, None, False),
                                                          (False, "gate_k1#0/s3", False)])  # fmt: skip
@pytest.mark.parametrize("attempts", [1, 2])
def test_a_slot_stays_taken_until_lambda_has_ended_the_body(
    timed_out: bool, slot: str | None, kept: bool, attempts: int
) -> None:
    work = Work({"max_attempts": attempts})
    gated = replace(work.head, hold="h", slot=slot)
    work.table.items[work.head.run_id, "head"] |= {"hold": "h", "slot": slot}
    deadline_ms = work.bench.clock() + LEFT_MS
    Attempt(work.runtime, gated, deadline_ms).settle(out_of_time(60) if timed_out else raised(ValueError("no")))
    assert work.now().slot_until == (deadline_ms + LEASE_GRACE_MS if kept else None)
    assert work.now().slot is None


def test_a_heartbeat_never_goes_beyond_the_attempts_own_end(work: Work) -> None:
    work.bench.clock.step(LEFT_MS - 100)
    work.attempt.beat(20_000)
    assert work.now().lease_until == work.head.lease_until


BAD_OUTPUTS: list[tuple[str, Callable[[], Any]]] = [
    ("a set", lambda: {1}),
    ("bytes", lambda: b"x"),
    ("NaN", lambda: [float("nan")]),
    ("infinity", lambda: {"x": float("inf")}),
    ("a lone surrogate", lambda: "\ud800"),
    ("a lone surrogate in a key", lambda: {"\udfff": 1}),
    ("two keys written alike", lambda: {1: "a", "1": "b"}),
    ("two keys written alike, in a list in a tuple", lambda: ([0, {True: "a", "true": "b"}],)),
    ("a cycle", lambda: _cycle()),
    ("too deep", lambda: _deep(sys.getrecursionlimit() * 200)),
    ("a generator", lambda: (n for n in range(3))),
    ("an object", object),
]


def _cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(("what", "make"), BAD_OUTPUTS, ids=[what for what, _ in BAD_OUTPUTS])
def test_an_output_that_is_no_json_ends_the_run_with_words_that_do_not_repeat_it(
    work: Work, what: str, make: Callable[[], Any]
) -> None:
    outcome = returned(make())
    work.attempt.settle(outcome)
    told = work.bench.finished(work.head.run_id)
    assert (told.status, told.attempt) == ("failed", 1), "it would be the same the next time"
    assert told.error is not None and told.error["type"] == "OutputNotSerializable"
    assert len(told.error["message"]) < 120


def test_an_output_over_the_limit_ends_the_run_with_an_error(work: Work) -> None:
    work.attempt.settle(returned("x" * (10 * 1024 * 1024)))
    error = work.bench.finished(work.head.run_id).error
    assert error is not None and error["type"] == "OutputTooLarge"


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), ValueError("v")])
def test_whatever_a_handler_raises_ends_its_attempt_and_lambda_need_not_know(error: BaseException) -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> None:
        raise error

    told = bench.run(handler)
    assert (told.status, told.error and told.error["type"]) == ("failed", type(error).__name__)


def test_an_error_is_cut_to_a_size_and_keeps_its_frames() -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> None:
        raise ValueError("é" * 9_999)

    error = bench.run(handler).error
    assert error is not None
    assert len(error["message"]) == 4_000
    assert 'raise ValueError("é" * 9_999)' in error["trace"] and len(error["trace"]) <= 4_000


def test_a_duplicate_returns_and_does_not_start_the_body() -> None:
    bench, bodies = Bench(), []

    @tracked
    def handler(event: Any, _context: Any) -> Any:
        bodies.append(event)
        assert bench.deliver(handler, head)["duplicate"] is True  # while the first is at work
        return event

    head = bench.start("once")
    bench.deliver(handler, head)
    assert bench.deliver(handler, head)["duplicate"] is True  # and hours later
    assert bodies == ["once"]


@pytest.mark.parametrize("first", ["away", "lost"])
def test_without_a_confirmed_claim_no_body_starts(first: str) -> None:
    work, bodies = Work(), []
    queued = work.bench.start(1)
    work.table.plan = [first, *["away"] * 99]

    @tracked
    def handler(event: Any, _context: Any) -> None:
        bodies.append(event)

    event = json.loads(fired_event(queued, b"1", work.bench.clock()))
    with use_runtime(work.runtime), pytest.raises(NotClaimed, match=r"not claimed \(lease \w+\)"):
        handler(event, Context(work.bench.clock, LEFT_MS))
    assert bodies == []


@pytest.mark.parametrize("plan", [["away", "away"], ["lost"], ["lost", "away", "away"]])
def test_a_claim_is_tried_again_while_the_table_is_away(plan: list[str]) -> None:
    work = Work()
    queued = work.bench.start(1)
    work.table.plan = [*plan]
    event = json.loads(fired_event(queued, b"1", work.bench.clock()))
    with use_runtime(work.runtime):
        tracked(lambda event, _context: event)(event, Context(work.bench.clock, LEFT_MS))
    told = work.bench.finished(queued.run_id)
    assert (told.status, told.attempt) == ("succeeded", 1)
    assert len(work.slept) == len(plan)


@pytest.mark.parametrize(("left_ms", "spent_ms"), [(6_000, 600), (60_000, 6_000), (900_000, 30_000)])
def test_a_claim_is_tried_for_a_tenth_of_the_lease_at_most(left_ms: int, spent_ms: int) -> None:
    work = Work()
    queued = work.bench.start(1)
    work.table.plan = ["away"] * 99
    began = work.bench.clock()
    event = json.loads(fired_event(queued, b"1", began))
    with use_runtime(work.runtime), pytest.raises(NotClaimed):
        tracked(lambda event, _context: event)(event, Context(work.bench.clock, left_ms))
    assert work.bench.clock() - began <= spent_ms
    assert work.table.plan != ["away"] * 98, "it was not tried again"


@pytest.mark.parametrize(("took_ms", "runs"), [(5_000, True), (5_001, False)])
def test_no_body_starts_under_a_lease_that_is_over(took_ms: int, runs: bool) -> None:
    work, bodies = Work(), []
    queued = work.bench.start(1)
    work.table.plan = ["late"]
    work.table.late = lambda: work.bench.clock.step(took_ms)
    event = json.loads(fired_event(queued, b"1", work.bench.clock()))
    beating = work.runtime._replace(policy=Policy(heartbeat_ms=5_000))
    with use_runtime(beating), nullcontext() if runs else pytest.raises(NotClaimed, match="lease was over"):
        tracked(lambda event, _context: bodies.append(event))(event, Context(work.bench.clock, LEFT_MS))
    assert bool(bodies) is runs


def test_a_claim_that_is_refused_late_is_a_duplicate_and_no_error() -> None:
    work, bodies = Work(), []
    queued = work.bench.start(1)
    assert isinstance(
        work.store.apply(moves.claim(queued.run_id, queued.generation, work.bench.clock(), LEFT_MS)), Applied
    )
    work.table.plan, work.table.late = ["late"], lambda: work.bench.clock.step(LEFT_MS + 1)
    event = json.loads(fired_event(queued, b"1", work.bench.clock()))
    with use_runtime(work.runtime):
        answer = tracked(lambda event, _context: bodies.append(event))(event, Context(work.bench.clock, LEFT_MS))
    assert (answer["duplicate"], bodies) == (True, [])


def test_a_claim_that_can_never_be_written_is_not_tried_again() -> None:
    work = Work()
    queued = work.bench.start(1)
    work.table.plan = ["AccessDeniedException"] * 9
    event = json.loads(fired_event(queued, b"1", work.bench.clock()))
    with use_runtime(work.runtime), pytest.raises(NotClaimed, match="AccessDenied"):
        tracked(lambda event, _context: event)(event, Context(work.bench.clock, LEFT_MS))
    assert (len(work.table.plan), work.slept) == (8, [])


def test_one_run_leaves_nothing_for_the_next_in_the_same_process() -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> Any:
        return [current_run().id, current_run().attempt]

    first, second = bench.run(handler), bench.run(handler)
    assert first.output == [first.id, 1] and second.output == [second.id, 1]
    assert current_run().id == "local"


def test_a_context_with_no_time_left_still_makes_a_lease() -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> int:
        head = bench.store.get(current_run().id, bench.clock())
        assert head is not None
        return head.lease_until - bench.clock()

    head = bench.start()
    bench.deliver(handler, head, timeout_ms=0)
    assert bench.finished(head.run_id).output == LEASE_GRACE_MS

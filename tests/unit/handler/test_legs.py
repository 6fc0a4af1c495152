"""Checkpoints and legs as a handler sees them: what is kept, when a leg ends, what the next one begins with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from invoke_once import AttemptSuperseded, ContinueLater, current_run, tracked
from invoke_once.errors import CheckpointTooLarge, StoreUnavailable
from invoke_once.handler import recovery
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.live import TELL_EVERY_MS
from invoke_once.handler.outcomes import out_of_time, raised, returned
from invoke_once.handler.runtime import Policy, Runtime
from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Move
from invoke_once.store import states
from invoke_once.store.payloads import Payloads, error_of, unpack
from invoke_once.store.store import Applied, Refused, Unwritten, Written
from invoke_once.testing import Bench, Finished, MemoryObjects, MemoryTable

LEG_MS = 6_000
DAY_MS = 86_400_000


class Letters(MemoryTable):
    """Notes each write; one that is planned does not happen."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[str] = []
        self.away: list[str] = []

    def write(self, move: Move) -> Written | Unwritten:
        self.letters.append(move.letter)
        if move.letter in self.away:
            raise StoreUnavailable("away")
        return super().write(move)


class FlakyObjects(MemoryObjects):
    away = False

    def put(self, key: str, data: bytes) -> None:
        if self.away:
            raise StoreUnavailable("S3 is away")
        super().put(key, data)


class Work:
    """A claimed run and its attempt, without a handler."""

    def __init__(self, **policy: Any) -> None:
        self.bench = Bench(**({"on_timeout": "continue"} | policy))
        self.table = self.bench.store.engine = Letters()
        self.objects = FlakyObjects()
        self.bench.payloads = Payloads(self.bench.store, self.objects)
        self.head = self.bench.start({"n": 1})
        self.claim()

    def claim(self, left_ms: int = 60_000) -> None:
        now_ms = self.bench.clock()
        move = moves.claim(
            self.head.run_id,
            self.head.generation,
            now_ms,
            left_ms,
            leg=self.head.leg if self.head.between_legs else None,
        )
        result = self.bench.store.apply(move)
        assert isinstance(result, Applied), result
        self.head = result.head
        runtime = Runtime(self.bench.store, self.bench.payloads, self.bench.clock, Policy(), self.bench._sleep)
        self.attempt = Attempt(runtime, self.head, now_ms + left_ms)
        self.table.letters.clear()

    def claim_again(self) -> None:
        """The same attempt, of the head as it is now."""
        runtime = Runtime(self.bench.store, self.bench.payloads, self.bench.clock, Policy(), self.bench._sleep)
        self.attempt = Attempt(runtime, self.head, self.bench.clock() + 60_000)

    def now(self) -> Head:
        head = self.bench.store.get(self.head.run_id, self.bench.clock())
        assert head is not None
        return head

    def kept(self) -> Any:
        text = states.read(self.bench.payloads, self.now())
        return None if text is None else json.loads(text)


@pytest.fixture
def work() -> Work:
    return Work()


def bill(pages: int, do: Callable[[int], object] = int) -> Callable[[Any, Any], Any]:
    """The handler of the docs."""

    @tracked
    def handler(event: Any, context: Any) -> Any:
        run = current_run()
        page = (run.state or {"page": 0})["page"]
        while page < pages:
            do(page)
            page += 1
            run.checkpoint({"page": page}, page / pages, f"page {page}")
        return {"pages": page, "legs": run.leg}

    return handler


def until_ended(bench: Bench, handler: Callable[[Any, Any], Any], run: Finished, most: int = 30) -> Finished:
    for _ in range(most):
        if run.head.terminal:
            return run
        run = bench.go_on(handler, run, timeout_ms=LEG_MS)
    raise AssertionError("it never ends")


def test_checkpoints_are_written_once_in_two_seconds_with_the_progress(work: Work) -> None:
    for page in range(50):
        work.attempt.checkpoint({"page": page}, page / 50)
    assert work.table.letters == ["G"] and work.kept() == {"page": 0}
    work.bench.clock.step(TELL_EVERY_MS)
    work.attempt.progress(message="later")
    assert (work.kept(), work.now().progress, work.now().message) == ({"page": 49}, 0.98, "later")
    assert work.table.letters == ["G", "G"]


def test_a_state_is_what_it_was_when_it_was_kept(work: Work) -> None:
    state = {"pages": [1]}
    work.attempt.checkpoint("first")
    work.attempt.checkpoint(state)
    state["pages"].append(2)
    work.attempt.settle(raised(ValueError()))
    assert work.kept() == {"pages": [1]}
    seen = work.attempt.state
    seen["pages"].append(3)
    assert work.attempt.state == {"pages": [1]}


@pytest.mark.parametrize("how", ["returns", "raises", "times out", "goes on", "is cancelled"])
def test_the_newest_checkpoint_is_kept_however_a_leg_ends(work: Work, how: str) -> None:
    work.attempt.checkpoint(1)
    work.attempt.checkpoint(2)
    if how == "is cancelled":
        work.bench.store.apply(moves.request_cancel(work.head))
    ends = {
        "returns": returned(None),
        "raises": raised(ValueError()),
        "times out": out_of_time(60),
        "goes on": raised(ContinueLater()),
        "is cancelled": raised(ContinueLater()),
    }
    work.attempt.settle(ends[how])
    assert work.kept() == 2 and work.now().state_leg == 1


def test_a_checkpoint_that_must_be_kept_now_is_in_the_table_when_it_returns(work: Work) -> None:
    work.attempt.checkpoint(1)
    work.attempt.checkpoint(2, now=True)
    assert work.kept() == 2
    work.table.away = ["G"]
    with pytest.raises(StoreUnavailable):
        work.attempt.checkpoint(3, now=True)
    work.table.away = []
    work.attempt.settle(raised(ValueError()))
    assert work.kept() == 3


def test_a_superseded_attempt_is_told_so_and_keeps_nothing() -> None:
    work = Work(max_attempts=2, on_timeout="fail")
    old = work.attempt
    work.bench.clock.to(work.head.lease_until + 1)
    work.claim()
    with pytest.raises(AttemptSuperseded):
        old.checkpoint("late", now=True)
    old.checkpoint("later")
    assert isinstance(old.settle(raised(ContinueLater())), Refused)
    assert work.kept() is None and work.now().status == "running"


def test_a_state_that_is_too_large_leaves_the_one_before(work: Work) -> None:
    work.attempt.checkpoint("small")
    with pytest.raises(ValueError, match="limit") as told:
        work.attempt.checkpoint("x" * states.MAX_STATE_BYTES)
    assert isinstance(told.value, CheckpointTooLarge)
    work.attempt.settle(raised(ValueError()))
    assert work.kept() == "small"


@pytest.mark.parametrize(("chars", "place"), [(100, "head"), (5_000, "item"), (100_000, "s3")])
def test_a_state_is_kept_where_it_fits_and_the_next_leg_reads_it(work: Work, chars: int, place: str) -> None:
    state = "".join(str(n * n) for n in range(chars))[:chars]
    work.attempt.checkpoint(state)
    ref = work.now().state_ref
    assert (ref.partition(":")[0] if ref else "head") == place
    work.attempt.settle(raised(ContinueLater()))
    work.head = work.now()
    work.claim()
    assert work.attempt.state == state and work.attempt.leg == 2
    assert work.now().state_size == chars + 2


def test_a_head_with_a_state_stays_within_one_write_unit() -> None:
    from invoke_once.store.payloads import item_size

    work = Work(on_timeout="fail")
    for chars in range(0, 1_000, 37):
        work.bench.clock.step(TELL_EVERY_MS)
        work.attempt.checkpoint("é" * (chars // 2), message="m" * 200)
        assert item_size({k: v for k, v in work.now().item().items() if v is not None}) <= states.HEAD_BYTES
    assert work.now().state_ref is not None  # the last ones did not fit


def test_a_changed_or_lost_state_is_not_given_to_a_handler(work: Work) -> None:
    from invoke_once.errors import PayloadCorrupt

    work.attempt.checkpoint("x" * 100 + "".join(str(n * n) for n in range(900)))
    part = next(key for key in work.table.items if key[1].startswith("state#"))
    work.table.items[part]["state"] = b"\x001"
    with pytest.raises(PayloadCorrupt):
        states.read(work.bench.payloads, work.now())
    del work.table.items[part]
    with pytest.raises(PayloadCorrupt):
        states.read(work.bench.payloads, work.now())


def test_a_leg_ends_at_a_checkpoint_when_another_stretch_would_not_fit() -> None:
    bench = Bench(on_timeout="continue")
    times: list[float] = []

    def page(_: int) -> None:
        times.append(current_run().time_left)
        bench.clock.step(500)

    handler = bill(40, page)
    run = bench.run(handler, timeout_ms=LEG_MS)
    assert (run.status, run.leg, run.attempt) == ("queued", 2, 1)
    assert run.head.not_before == bench.clock()  # the body has stopped: at once
    ended = until_ended(bench, handler, run)
    assert (ended.status, ended.output) == ("succeeded", {"pages": 40, "legs": ended.leg})
    assert 4 <= ended.leg <= 6 and len(times) == 40
    assert min(times) >= 1.2  # the watchdog's margin was never reached
    assert (ended.attempt, ended.head.attempt_limit, ended.progress) == (1, 1, 1.0)


def test_without_legs_a_checkpoint_ends_nothing() -> None:
    bench = Bench()
    run = bench.run(bill(40, lambda _: bench.clock.step(500)), timeout_ms=LEG_MS)
    assert (run.status, run.output) == ("succeeded", {"pages": 40, "legs": 1})


def test_what_was_told_last_is_in_the_head_when_a_leg_ends(work: Work) -> None:
    work.attempt.progress(0.5)
    work.attempt.checkpoint([1], 0.75, "half of the second half")
    assert isinstance(work.attempt.settle(raised(ContinueLater())), Applied)
    now = work.now()
    assert (now.progress, now.message, now.status) == (0.75, "half of the second half", "queued")


def test_a_leg_that_is_timed_out_goes_on_from_its_checkpoint_and_not_before_it_is_dead() -> None:
    bench = Bench(on_timeout="continue")
    handler = bill(4, lambda page: bench.time_out() if page == 2 and current_run().leg == 1 else None)
    run = bench.run(handler, timeout_ms=LEG_MS)
    assert (run.status, run.leg, run.state) == ("queued", 2, {"page": 2})
    assert run.head.not_before == bench.clock() + LEASE_GRACE_MS
    ended = bench.go_on(handler, run)
    assert (ended.status, ended.output, ended.attempt) == ("succeeded", {"pages": 4, "legs": 2}, 1)


def test_a_timed_out_leg_without_a_checkpoint_of_its_own_is_a_timed_out_attempt() -> None:
    bench = Bench(on_timeout="continue", max_attempts=2, backoff_seconds=0)
    handler = bill(4, lambda page: bench.time_out() if page == 2 else None)
    first = bench.run(handler, timeout_ms=LEG_MS)
    stuck = bench.go_on(handler, first, timeout_ms=LEG_MS)
    assert (stuck.status, stuck.attempt, stuck.leg) == ("queued", 1, 2) and not stuck.head.between_legs
    ended = bench.go_on(handler, stuck, timeout_ms=LEG_MS)
    assert (ended.status, ended.attempt, ended.state) == ("timed_out", 2, {"page": 2})


def test_a_handler_sleeps_without_a_checkpoint_too() -> None:
    bench = Bench()

    @tracked
    def look(event: Any, context: Any) -> Any:
        run = current_run()
        if run.leg < 3:
            run.continue_later(after=3_600)
        return run.leg

    run = bench.run(look)
    assert (run.status, run.leg, run.head.not_before) == ("queued", 2, bench.clock() + 3_600_000)
    assert bench.go_on(look, bench.go_on(look, run)).output == 3


@pytest.mark.parametrize("after", [-1, 7 * 86_400 + 1, float("nan"), float("inf"), "1"])
def test_a_sleep_is_from_nothing_to_seven_days(work: Work, after: Any) -> None:
    with pytest.raises(ValueError, match="seven days"):
        work.attempt.continue_later(after)


def test_no_handler_s_except_exception_stops_the_end_of_a_leg() -> None:
    assert not issubclass(ContinueLater, Exception)


def test_legs_come_to_an_end() -> None:
    bench = Bench(on_timeout="continue", max_legs=3, max_attempts=5)
    handler = bill(400, lambda _: bench.clock.step(500))
    ended = until_ended(bench, handler, bench.run(handler, timeout_ms=LEG_MS))
    assert (ended.status, ended.leg, ended.attempt) == ("failed", 3, 1)
    assert ended.error is not None and ended.error["type"] == "LegsExhausted"


def test_after_a_deploy_between_two_legs_the_new_code_gets_the_old_state() -> None:
    @tracked
    def old(event: Any, context: Any) -> Any:
        current_run().checkpoint({"page": 3})
        current_run().continue_later()

    @tracked
    def new(event: Any, context: Any) -> Any:
        return [event, current_run().state, current_run().leg]

    bench = Bench()
    run = bench.go_on(new, bench.run(old, {"pages": 9}))
    assert run.output == [{"pages": 9}, {"page": 3}, 2]


def test_a_retry_begins_with_the_newest_checkpoint_and_is_another_attempt() -> None:
    bench = Bench(max_attempts=2, backoff_seconds=0)
    seen: list[int] = []

    def once_bad(page: int) -> None:
        seen.append(page)
        if page == 2 and seen.count(2) == 1:
            raise ValueError("once")

    handler = bill(4, once_bad)
    run = bench.run(handler)
    assert (run.status, run.state, run.attempt) == ("queued", {"page": 2}, 1)
    assert bench.go_on(handler, run).status == "succeeded" and seen == [0, 1, 2, 2, 3]


def test_the_backoff_after_many_legs_is_the_first_one() -> None:
    bench = Bench(max_attempts=2, backoff_seconds=10, jitter=False)

    @tracked
    def handler(event: Any, context: Any) -> Any:
        if current_run().leg < 20:
            current_run().continue_later()
        raise ValueError

    run = bench.run(handler)
    for _ in range(19):
        run = bench.go_on(handler, run)
    assert (run.attempt, run.leg, run.head.not_before) == (1, 20, bench.clock() + 10_000)


def test_a_large_state_that_cannot_be_kept_does_not_cost_the_outcome(work: Work) -> None:
    work.attempt.checkpoint("kept", now=True)
    work.objects.away = True
    big = "".join(str(n * n) for n in range(20_000))
    work.bench.clock.step(TELL_EVERY_MS)
    work.attempt.checkpoint(big)
    began = work.bench.clock()
    work.attempt.settle(raised(ValueError("why")))
    told = error_of(work.now())
    assert told is not None and told["message"] == "why" and work.kept() == "kept"
    assert work.bench.clock() - began < 20_000


def test_a_large_state_is_kept_when_s3_comes_back_in_time(work: Work) -> None:
    work.objects.away = True
    big = "".join(str(n * n) for n in range(20_000))
    work.attempt.checkpoint(big)
    work.bench._sleep = None  # type: ignore[method-assign,assignment]
    work.objects.away = False
    work.attempt.settle(raised(ContinueLater(asked=False)))
    assert work.kept() == big and work.now().leg == 2


def test_a_leg_whose_checkpoints_were_all_lost_is_a_timed_out_attempt(work: Work) -> None:
    work.objects.away = True
    work.attempt.checkpoint("".join(str(n * n) for n in range(20_000)))
    work.attempt.settle(raised(ContinueLater(asked=False)))
    assert work.now().status == "timed_out" and work.kept() is None


def test_a_beat_does_not_wait_for_a_checkpoint(work: Work) -> None:
    work.objects.away = True
    work.attempt.checkpoint("".join(str(n * n) for n in range(20_000)))
    before = work.now().lease_until
    work.bench.clock.step(5_000)
    work.attempt.beat(30_000)
    assert work.now().lease_until != before


def test_what_a_run_needs_lives_as_long_as_a_run_that_sleeps(work: Work) -> None:
    text = json.dumps(["".join(str(n * n) for n in range(1_000))]).encode()
    kept = work.bench.payloads.keep_input("test", work.head.run_id, text, 900, work.bench.clock() // 1000 + 90_000)
    work.table.items[work.head.run_id, "head"].update(kept, retention_s=86_400)
    work.head = work.now()
    work.claim_again()
    work.attempt.checkpoint(["".join(str(n * n) for n in range(1_100))])
    work.attempt.settle(raised(ContinueLater(7 * 86_400)))
    parts = [item["expires_at"] for (_, part), item in work.table.items.items() if part != "head"]
    assert len(parts) == 2 and min(parts) * 1000 > work.bench.clock() + 8 * DAY_MS


@pytest.mark.parametrize("how", ["fails", "vanishes", "a leg vanishes"])
def test_what_a_run_needs_lives_as_long_as_its_retries(how: str) -> None:
    work = Work(on_timeout="continue" if how == "a leg vanishes" else "fail")
    text = json.dumps(["".join(str(n * n) for n in range(1_000))]).encode()
    kept = work.bench.payloads.keep_input("test", work.head.run_id, text, 900, work.bench.clock() // 1000 + 90_000)
    head = work.table.items[work.head.run_id, "head"]
    patient = {"max_attempts": 9, "backoff_ms": DAY_MS, "max_backoff_ms": DAY_MS, "jitter": False}
    head.update(kept, input=None, retention_s=60, **patient)
    for _ in range(8):
        work.head = work.now()
        work.claim_again()
        work.attempt.checkpoint(["".join(str(n * n) for n in range(1_100))], now=True)
        if how == "fails":
            work.attempt.settle(raised(ValueError("no")))
        else:
            work.bench.clock.step(DAY_MS)
            result = recovery.lose(work.bench.payloads, work.now(), work.bench.clock(), why="killed")
            assert isinstance(result, Applied), result
        work.bench.clock.to(work.now().not_before or 0)
        work.head = work.now()
        for ref in (work.head.input_ref, work.head.state_ref):
            kind, _, name = str(ref).removeprefix("item:").partition(":")
            part = f"state#{kind}" if name else f"input#{kind}"
            assert work.table.items[work.head.run_id, part]["expires_at"] * 1000 > work.bench.clock()
        work.claim()
    assert work.bench.payloads.input(work.now()) == text


def test_a_run_without_checkpoints_writes_what_it_always_wrote(work: Work) -> None:
    work.attempt.progress(0.5)
    work.attempt.settle(returned(1))
    assert work.table.letters == ["G", "H"]
    assert [f for f in moves.STATE_FIELDS if getattr(work.now(), f) is not None] == []


def test_a_continuation_leaves_the_index_alone_where_it_can(work: Work) -> None:
    work.attempt.checkpoint(1)
    due_at = work.now().due_at
    work.attempt.settle(raised(ContinueLater()))
    assert work.now().due_at == due_at == work.bench.clock() + FIRST_LOOK_MS
    assert work.table.letters == ["G", "W"]


def test_outside_a_run_checkpoints_do_nothing_and_a_sleep_says_so() -> None:
    from invoke_once.handler.current import NoRun

    run = NoRun()
    run.checkpoint({"page": 1})
    assert (run.state, run.leg) == (None, 1)
    with pytest.raises(ContinueLater):
        run.continue_later()


def test_what_is_kept_is_the_json_text(work: Work) -> None:
    work.attempt.checkpoint({"b": 1, "a": "é"})
    assert unpack(work.now().state or b"") == '{"b": 1, "a": "é"}'.encode()

"""A run at its bounds: what a request is told apart by, what Lambda and the table are asked to the letter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired, Unavailable
from chalicelib.pauses import Pauses
from chalicelib.runs import dispatch, inputs, waiting
from chalicelib.runs.dispatch import StartRequest
from chalicelib.runs.gated import Beginning, beginning
from chalicelib.runs.limits import Limits, OverLimit, Rates, _Seen
from chalicelib.service import Service
from invoke_once.errors import PayloadCorrupt, PayloadTooLarge
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store.payloads import error_of
from invoke_once.store.store import Applied, Refused, Result, Store
from tests.unit.runs.test_dispatch import ECHO, PLAIN, SETTINGS, Stage

HOUR_MS = 3_600_000


@pytest.fixture
def stage() -> Stage:
    return Stage()


@dataclass
class Noting:
    """Lambda, and each call of it as it was made."""

    answer: Answer = field(default_factory=Fired)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, **more: Any) -> Answer:
        self.calls.append({"target": target, **more})
        return self.answer


def with_functions(stage: Stage, *functions: Function) -> Noting:
    noting = Noting()
    stage.svc = Service(SETTINGS, stage.store, stage.svc.payloads, {f.name: f for f in functions}, noting, stage.clock,
                        lambda: 0.0)  # fmt: skip
    return noting


def test_a_tracked_function_is_tried_three_times_under_its_alias_and_for_its_tenant(stage: Stage) -> None:
    live = Function("live", target="s-live", qualifier="live", tenant_isolation=True)
    plain = Function("plain", target="s-plain", mode="destination", qualifier="blue")
    noting = with_functions(stage, live, plain)
    stage.post(live)
    stage.post(plain)
    assert noting.calls == [
        {"target": "s-live", "qualifier": "live", "tries": 3, "tenant": "demo"},
        {"target": "s-plain", "qualifier": "blue", "tries": 1},
    ]


def test_what_two_requests_are_told_apart_by() -> None:
    def print_of(**more: Any) -> str:
        return dispatch.fingerprint(StartRequest(ECHO, "demo", "k", b'{"b":1,"a":[]}', **more))

    repeat = StartRequest(ECHO, "other", "k2", b' {"a": [], "b": 1}', if_failed="rerun")
    assert print_of() == dispatch.fingerprint(repeat)
    others = [
        {"callback_url": "https://example.com/"}, {"delay_ms": 1}, {"queue_ms": 1}, {"max_attempts": 1},
        {"backoff_ms": 1}, {"max_backoff_ms": 1}, {"labels": {"a": "b"}}, {"no_callback": True},
        {"concurrency": ("c", 1)}, {"concurrency": ("c", 2)}, {"concurrency": ("d", 1)},
    ]  # fmt: skip
    assert len({print_of(), *(print_of(**each) for each in others)}) == 1 + len(others)
    assert dispatch.fingerprint(StartRequest(PLAIN, "demo", "k", b'{"b":1,"a":[]}')) != print_of()
    # kept in tables: a request of an earlier version is known again
    assert print_of() == "abpjqvyf36rvyeuvgnuc3z6ttu"
    assert print_of(no_callback=True, concurrency=("c", 1)) == "3fgj3pkjcgi7pvn7krgzp46buy"


def test_a_key_is_known_once_it_has_a_run(stage: Stage) -> None:
    asked, nameless = StartRequest(ECHO, "demo", "k", b"{}"), StartRequest(ECHO, "demo", None, b"{}")
    assert not dispatch.is_known(stage.svc, asked)
    head = stage.post().head
    assert dispatch.is_known(stage.svc, asked)
    assert not dispatch.is_known(stage.svc, nameless)
    assert len(stage.post(key=None).head.key) == 32 and stage.post(key=None).head.fingerprint is None
    assert head.fingerprint is not None


def test_an_input_may_have_its_limit_and_not_a_byte_more(stage: Stage) -> None:
    limit = dispatch.input_limit(PLAIN)
    stage.post(PLAIN, text=b'{"a":"' + b"x" * (limit - 8) + b'"}')
    with pytest.raises(PayloadTooLarge, match=f"has {limit + 1} bytes; the limit of this function is {limit}"):
        stage.post(PLAIN, key="more", text=b'{"a":"' + b"x" * (limit - 7) + b'"}')


def test_an_input_that_is_lost_ends_its_run_and_an_odd_one_is_refused_by_name(stage: Stage) -> None:
    class Lossy:
        def input(self, head: Head) -> bytes:
            raise PayloadCorrupt("not what was stored")

    ended = stage.post(PLAIN, key="odd", text=b"[1]").head
    assert error_of(ended) == {
        "type": "TargetRefused",
        "message": "the input of an unwrapped function is an object",
        "trace": None,
    }
    head = stage.post(delay_ms=60_000).head
    lossy: Any = Lossy()
    stage.svc = Service(SETTINGS, stage.store, lossy, stage.svc.functions, stage.lambda_, stage.clock, lambda: 0.0)
    stage.clock.step(60_001)
    lost = dispatch.fire(stage.svc, stage.now(head))
    assert lost.status == Status.FAILED
    assert error_of(lost) == {"type": "InputLost", "message": "not what was stored", "trace": None}


def test_an_unwrapped_function_holds_its_lease_for_lambdas_queue_and_its_own_time(stage: Stage) -> None:
    head = stage.post(PLAIN).head
    assert head.lease_until == stage.clock() + 30_000 + 6 * HOUR_MS + 10_000  # the clocks of two machines differ


def test_a_launch_that_another_one_made_is_not_made_again(stage: Stage) -> None:
    stage.lambda_.answer = Unavailable("throttled", known=True)
    queued = stage.post(PLAIN).head
    stage.lambda_.answer = Fired()
    stage.clock.step(600_000)
    first = dispatch.fire(stage.svc, queued)
    assert first.status == Status.RUNNING
    assert dispatch.fire(stage.svc, queued) == first == stage.now(queued)
    assert len(stage.lambda_.events) == 2


class Refusing(Store):
    """The moves of a letter are refused with the run as it was read; all of them are kept."""

    def __init__(self, store: Store, letter: str) -> None:
        super().__init__(store.engine)
        self.letter, self.asked = letter, list[Move]()

    def apply(self, move: Move) -> Result:
        if move.letter == self.letter:
            self.asked.append(move)
            return Refused(self.get(move.run_id, 0), ("another state",))
        return super().apply(move)


def test_a_cancel_that_always_comes_too_late_gives_up_after_five_tries(stage: Stage) -> None:
    head = stage.claim(stage.post().head)
    letter = moves.request_cancel(head).letter
    store = Refusing(stage.store, letter)
    stage.svc = Service(
        SETTINGS, store, stage.svc.payloads, stage.svc.functions, stage.lambda_, stage.clock, lambda: 0.0
    )
    assert dispatch.cancel(stage.svc, head) == Refused(stage.now(head), ("another state",))
    assert len(store.asked) == 5


def test_a_bulk_job_cancels_a_run_once_and_another_one_may_again(stage: Stage) -> None:
    head = stage.claim(stage.post().head)
    first = dispatch.cancel(stage.svc, head, "token", "bulk_1")
    assert isinstance(first, Applied) and first.head.bulk == "bulk_1"
    assert dispatch.cancel(stage.svc, first.head, "token", "bulk_1") == Refused(first.head, ("not ended",))
    assert isinstance(dispatch.cancel(stage.svc, first.head, "token", "bulk_2"), Applied)


def batch_of(stage: Stage, status: str | None) -> Head:
    """An ended run of a batch whose own item says `status`; None: there is none."""
    head = stage.fail(stage.post().head)
    item = stage.table.items[head.run_id, "head"]
    item["batch"] = "batch_1"
    if status is not None:
        stage.table.items["batch_1", "batch"] = {"run_id": "batch_1", "part": "batch", "status": status}
    return stage.now(head)


@pytest.mark.parametrize(("status", "again"), [("running", False), ("failed", True), (None, True)])
def test_a_run_of_a_batch_is_sent_again_by_itself_once_the_batch_has_ended(
    stage: Stage, status: str | None, again: bool
) -> None:
    head = batch_of(stage, status)
    result = dispatch.redrive(stage.svc, head)
    if again:
        assert isinstance(result, Applied)
    else:
        assert result == Refused(head, ("its batch has ended",))


def test_sending_again_says_which_job_did_it(stage: Stage) -> None:
    head = stage.fail(stage.post().head)
    result = dispatch.redrive(stage.svc, head, bulk="bulk_1")
    assert isinstance(result, Applied) and result.head.bulk == "bulk_1"


def test_a_plain_run_asks_no_gate(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("chalicelib.gates.admission.first", lambda *_: asked.append("gate"))
    assert beginning(stage.svc, "run_a", "echo", "demo", None) == Beginning()
    assert asked == []
    beginning(stage.svc, "run_a", "echo", "demo", "key")
    assert asked == ["gate"]
    assert isinstance(stage.svc.pauses, Pauses)


def test_why_a_run_that_could_not_be_started_waits_is_kept_once(stage: Stage) -> None:
    stage.lambda_.answer = Unavailable("throttled", known=True, type="TooManyRequestsException")
    head = stage.post().head
    assert waiting.waiting_for(head) == "dispatch"
    assert waiting.note(stage.svc, head, "TooManyRequestsException", "Lambda could not start it yet: throttled") == head
    assert waiting.next_attempt_at_ms(head) is None
    later = stage.post(key="later", delay_ms=5_000).head
    assert waiting.next_attempt_at_ms(later) == stage.clock() + 5_000


def test_a_call_too_many_says_when_the_next_one_is_free() -> None:
    limits = Limits(Rates(calls_per_second=2.0, burst=1.0))
    limits.take("t", 1_000)
    with pytest.raises(OverLimit, match="This tenant makes too many calls.") as refused:
        limits.take("t", 1_000)
    assert refused.value.retry_after_s == 1
    limits.take("t", 1_500)
    slow = Limits(Rates(calls_per_second=0.1, burst=1.0))
    slow.take("t", 0)
    with pytest.raises(OverLimit) as refused:
        slow.take("t", 0)
    assert refused.value.retry_after_s == 10
    assert OverLimit("words", 0).retry_after_s == 1 and str(OverLimit("words", 3)) == "words"


def test_runs_in_flight_are_looked_at_after_five_seconds_and_25_starts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    limits = Limits(Rates(runs_in_flight=3))
    monkeypatch.setattr(Limits, "_in_flight", lambda self, *_: looked.append(1) or 3)
    for _ in range(30):
        limits.start(stage.store, "t", 10_000, lambda: 0.0)
    assert looked == []
    limits.start(stage.store, "t", 14_999, lambda: 0.0)
    assert looked == []
    with pytest.raises(OverLimit, match="This tenant has too many runs in flight.") as refused:
        limits.start(stage.store, "t", 15_000, lambda: 0.0)
    assert looked == [1] and refused.value.retry_after_s == 5
    assert limits._seen["t"] == _Seen(3, 0, 15_000)


def test_an_input_that_is_nested_too_deeply_or_of_another_type_is_told_by_its_place() -> None:
    part: dict[str, Any] = {"type": "object", "properties": {"input": {"type": "integer"}, "in": {"$ref": "#"}}}
    function = Function("deep", target="s-deep", input_schema=part)
    assert inputs.wrong(function, {"input": "x"}) == ("/input", "input must be integer")
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"in": deep}
    assert inputs.wrong(function, deep) == ("", "input is nested too deeply")
    named = Function("named", target="s-named", input_schema={"enum": ["data"]})
    assert inputs.wrong(named, "x") == ("", "input must be one of ['data']")
    given: dict[str, Any] = {}
    filled = Function("filled", target="s-f", input_schema={"type": "object", "properties": {"a": {"default": 1}}})
    assert inputs.wrong(filled, given) is None and given == {}

"""Accepting a run, firing it, cancelling it, sending it again: what each answer of the table and of Lambda means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from chalicelib.due.attend import attend
from chalicelib.due.sweep import PAGE, sweep
from chalicelib.functions import Function, Retry
from chalicelib.invoker import Answer, Fired, Rejected, Unavailable
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import KeyReused, StartRequest
from chalicelib.service import Service
from chalicelib.settings import read
from invoke_once.errors import PayloadTooLarge, StoreUnavailable
from invoke_once.life import keys, moves
from invoke_once.life.due import FIRST_LOOK_MS, Due
from invoke_once.life.head import Head, to_item
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store.payloads import MAX_INPUT_BYTES, error_of, item_size
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from invoke_once.testing import Bench, MemoryTable

SETTINGS = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t"})
ECHO = Function("echo", target="s-echo", retry=Retry(max_attempts=2, backoff_seconds=3))
PLAIN = Function("plain", target="s-plain", mode="destination", timeout_seconds=30)


class Away(MemoryTable):
    """A table that does not answer moves of these letters."""

    letters = ""

    def write(self, move: Move) -> Written | Unwritten:
        if move.letter in self.letters:
            raise StoreUnavailable("away")
        return super().write(move)


@dataclass
class Lambda:
    answer: Answer = field(default_factory=Fired)
    events: list[dict[str, Any]] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.events.append({"target": target, "tries": tries, **json.loads(payload)})
        return self.answer


class Stage:
    def __init__(self) -> None:
        bench = Bench()
        self.clock, self.table, self.lambda_ = bench.clock, Away(), Lambda()
        self.store = Store(self.table)
        bench.payloads.store = self.store
        functions = {f.name: f for f in (ECHO, PLAIN)}
        self.svc = Service(SETTINGS, self.store, bench.payloads, functions, self.lambda_, self.clock, lambda: 0.0)

    def post(
        self, function: Function = ECHO, key: str | None = "k", text: bytes = b"{}", **more: Any
    ) -> dispatch.Accepted:
        """The request `{}` to `echo` under the key `k`, but for what is told."""
        return dispatch.accept(self.svc, StartRequest(function, "demo", key, text, **more))

    def now(self, head: Head) -> Head:
        found = self.store.get(head.run_id, self.clock())
        assert found is not None
        return found

    def claim(self, head: Head) -> Head:
        result = self.store.apply(moves.claim(head.run_id, head.generation, self.clock(), 1_000))
        assert isinstance(result, Applied)
        return result.head

    def fail(self, head: Head) -> Head:
        running = self.claim(head)
        move = moves.finish(moves.fence(running), running, Status.FAILED, self.clock(), {"error": b"\x00{}"}, "t")
        result = self.store.apply(move)
        assert isinstance(result, Applied)
        return result.head

    def attend(self, head: Head) -> Due:
        return attend(self.svc, head.run_id, lambda *_: None)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_run_is_put_before_it_is_fired_and_the_event_says_for_which_attempt(stage: Stage) -> None:
    head = stage.post(text=b'{"a":1}').head
    (event,) = stage.lambda_.events
    assert event["invoke_once"] == {
        "run_id": head.run_id, "generation": head.generation, "attempt": 1, "fired_at": stage.clock(), "v": 1,
    }  # fmt: skip
    assert event["input"] == {"a": 1}


def test_who_asks_for_nothing_more_gets_the_defaults(stage: Stage) -> None:
    head = stage.post(Function("other", target="s-other")).head
    assert (head.queue_ms, head.retention_s, head.max_attempts) == (6 * 3_600_000, 30 * 86_400, 1)
    assert (head.backoff_ms, head.max_backoff_ms, head.jitter) == (10_000, 600_000, True)
    assert (head.on_lost, head.on_timeout, head.max_legs) == ("retry", "fail", 100)


def test_a_run_is_kept_and_tried_as_its_function_says_and_its_request(stage: Stage) -> None:
    function = Function(
        "other", target="s-other", retention_days=3, on_lost="fail", on_timeout="continue", max_legs=7,
        retry=Retry(max_attempts=4, backoff_seconds=5, max_backoff_seconds=60, jitter=False),
        callback="https://example.com/hook",
    )  # fmt: skip
    head = stage.post(function).head
    assert (head.retention_s, head.on_lost, head.on_timeout, head.max_legs) == (3 * 86_400, "fail", "continue", 7)
    assert (head.max_attempts, head.backoff_ms, head.max_backoff_ms, head.jitter) == (4, 5_000, 60_000, False)
    assert (head.callback_url, head.mode, head.labels) == ("https://example.com/hook", None, None)
    asked = stage.post(function, key="other", max_attempts=1, backoff_ms=1, max_backoff_ms=2, no_callback=True,
                       labels={"b": "2", "a": "1"}, traceparent="00-1", concurrency=("c", 2)).head  # fmt: skip
    assert (asked.max_attempts, asked.backoff_ms, asked.max_backoff_ms, asked.callback_url) == (1, 1, 2, None)
    assert (asked.labels, asked.traceparent) == ('{"a":"1","b":"2"}', "00-1")
    assert (asked.concurrency_key, asked.concurrency_max) == ("c", 2)
    assert stage.post(PLAIN, key="plain").head.mode == "destination"


def test_the_same_request_again_is_the_same_run_in_every_state_and_fires_nothing(stage: Stage) -> None:
    head = stage.post().head
    for now in (lambda: stage.now(head), lambda: stage.claim(head), lambda: stage.now(head)):
        expected = now()
        again = stage.post()
        assert again.replayed and again.head == expected
    assert len(stage.lambda_.events) == 1


def test_a_key_that_a_rules_event_had_first_is_that_run(stage: Stage) -> None:
    new = moves.NewRun("demo", "echo", "order-17")
    born = stage.store.apply(moves.register(new, stage.clock(), 60_000, "request-1")).head
    again = stage.post(key="order-17")
    assert again.replayed and again.head == born
    assert stage.lambda_.events == []


@pytest.mark.parametrize(
    "other",
    [{"text": b'{"a":2}'}, {"callback_url": "https://a.example/"}, {"delay_ms": 1}, {"queue_ms": 1},
     {"max_attempts": 9}, {"backoff_ms": 1}, {"max_backoff_ms": 1}, {"labels": {"a": "b"}}],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_another_request_under_the_key_is_refused_and_changes_nothing(stage: Stage, other: dict[str, Any]) -> None:
    head, writes = stage.post().head, stage.table.writes
    with pytest.raises(KeyReused):
        stage.post(**other)
    assert (stage.now(head), stage.table.writes, len(stage.lambda_.events)) == (head, writes, 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'{"a":1,"b":2}', b'{ "b": 2,\n"a": 1 }', True),
        (b"9007199254740993", b"9007199254740992", False),
        (b"1", b"1.0", False),
        (b"0.0", b"-0.0", False),
        (b'"\\u00e9"', '"é"'.encode(), True),
        (b"[1,2]", b"[2,1]", False),
        (b"null", b"{}", False),
    ],
)
def test_bodies_are_the_same_when_their_json_is(stage: Stage, one: bytes, other: bytes, same: bool) -> None:
    first, second = (StartRequest(ECHO, "demo", "k", text) for text in (one, other))
    assert (dispatch.fingerprint(first) == dispatch.fingerprint(second)) is same


def test_keys_of_other_tenants_and_functions_are_other_runs() -> None:
    ids = {keys.run_id(*parts) for parts in (
        ("t", "f", "k"), ("u", "f", "k"), ("t", "g", "k"), ("t", "f", "K"), ("tf", "", "k"), ("t", "fk", ""),
        ("t", "f#k", ""), ("t", 'f","k', ""), ("t", "f", '","k'),
    )}  # fmt: skip
    assert len(ids) == 9


def test_without_a_key_every_post_is_a_run(stage: Stage) -> None:
    assert stage.post(key=None).head.run_id != stage.post(key=None).head.run_id


@pytest.mark.parametrize("code", ["TargetNotFound", "TargetDenied", "TargetPayloadTooLarge"])
def test_what_aws_refuses_for_good_ends_at_once(stage: Stage, code: str) -> None:
    stage.lambda_.answer = Rejected(code, "Lambda refused to start it")
    head = stage.post().head
    told = error_of(head)
    assert head.status == "failed" and told is not None and told["type"] == code
    assert head.due_at is None


@pytest.mark.parametrize("known", [True, False])
def test_what_aws_cannot_do_now_stays_queued_and_is_fired_again_when_due(stage: Stage, known: bool) -> None:
    stage.lambda_.answer = Unavailable("TooManyRequestsException", known)
    head = stage.post().head
    assert (head.status, head.attempt) == ("queued", 0)
    stage.clock.to(head.due_at or 0)
    assert stage.attend(head) == Due.DISPATCH
    assert (len(stage.lambda_.events), stage.now(head).dispatches, stage.now(head).attempt) == (2, 2, 0)


def test_a_delayed_run_is_not_fired_before_its_time(stage: Stage) -> None:
    head = stage.post(delay_ms=5_000).head
    assert (head.status, stage.lambda_.events) == ("scheduled", [])
    stage.clock.step(4_999)
    assert stage.attend(head) == Due.NOTHING
    stage.clock.step(1)
    assert stage.attend(head) == Due.RELEASE
    assert len(stage.lambda_.events) == 1


def test_a_function_that_left_the_registry_ends_its_runs(stage: Stage) -> None:
    head = stage.post(delay_ms=1).head
    svc = Service(SETTINGS, stage.store, stage.svc.payloads, {}, stage.lambda_, stage.clock)
    stage.clock.step(1)
    attend(svc, head.run_id, lambda *_: None)
    told = error_of(stage.now(head))
    assert told is not None and told["type"] == "TargetNotFound"


def test_when_the_table_fails_after_the_put_the_run_is_accepted_all_the_same(stage: Stage) -> None:
    stage.table.letters = "FK"
    stage.lambda_.answer = Rejected("TargetNotFound", "")
    assert stage.post().head.status == "queued"
    assert stage.post(PLAIN).head.status == "queued"


def test_when_the_put_fails_nothing_is_promised(stage: Stage) -> None:
    stage.table.letters = "A"
    with pytest.raises(StoreUnavailable):
        stage.post()
    assert stage.table.items == {} and stage.lambda_.events == []


def test_an_input_over_the_limit_leaves_nothing_behind(stage: Stage) -> None:
    with pytest.raises(PayloadTooLarge):
        stage.post(text=b'"' + b"x" * MAX_INPUT_BYTES + b'"')
    with pytest.raises(PayloadTooLarge):
        stage.post(PLAIN, text=b'{"x":"' + b"x" * 1_000_000 + b'"}')
    assert stage.table.items == {} and stage.lambda_.events == []


def test_a_large_input_of_a_refused_request_is_not_kept(stage: Stage) -> None:
    stage.post()
    items = len(stage.table.items)
    with pytest.raises(KeyReused):
        stage.post(text=json.dumps([n * n for n in range(3_000)]).encode())
    assert len(stage.table.items) == items


# Unwrapped functions


def test_an_unwrapped_function_is_fired_once_with_the_lease_in_its_event(stage: Stage) -> None:
    head = stage.post(PLAIN, text=b'{"name":"Ada","invoke_once":"mine"}').head
    (event,) = stage.lambda_.events
    assert (head.status, head.attempt, event["tries"], event["name"]) == ("running", 1, 1, "Ada")
    assert event["invoke_once"]["lease_id"] == head.lease_id
    stage.clock.step(3_600_000)
    assert stage.attend(head) == Due.NOTHING
    assert len(stage.lambda_.events) == 1


@pytest.mark.parametrize("text", [b"[]", b'"text"', b"1", b" true"])
def test_an_unwrapped_functions_input_has_to_be_an_object(stage: Stage, text: bytes) -> None:
    head = stage.post(PLAIN, text=text).head
    assert (head.status, head.attempt, stage.lambda_.events) == ("failed", 0, [])


def test_where_the_answer_was_lost_an_unwrapped_function_is_not_fired_again(stage: Stage) -> None:
    stage.lambda_.answer = Unavailable("ReadTimeoutError", known=False)
    head = stage.post(PLAIN).head
    assert head.status == "running"
    stage.clock.to(head.lease_until)
    assert stage.attend(head) == Due.NOTHING
    assert len(stage.lambda_.events) == 1


def test_an_event_lambda_did_not_take_is_sent_again_and_costs_no_attempt(stage: Stage) -> None:
    stage.lambda_.answer = Unavailable("TooManyRequestsException", known=True)
    head = stage.post(PLAIN).head
    assert (head.status, head.max_attempts - head.attempt) == ("queued", 1)
    stage.lambda_.answer = Fired()
    stage.clock.to(head.due_at or 0)
    stage.attend(head)
    assert (stage.now(head).status, len(stage.lambda_.events)) == ("running", 2)


# A person's wishes


def test_a_cancel_of_a_run_that_is_claimed_meanwhile_becomes_a_request(stage: Stage) -> None:
    seen = stage.post().head
    stage.claim(seen)
    result = dispatch.cancel(stage.svc, seen)
    assert isinstance(result, Applied) and result.head.cancel_requested and result.head.status == "running"


def test_a_cancel_of_an_ended_run_is_refused_with_how_it_ended(stage: Stage) -> None:
    seen = stage.post().head
    ended = stage.fail(seen)
    result = dispatch.cancel(stage.svc, seen)
    assert isinstance(result, Refused) and result.head == ended


def test_a_redrive_fires_the_kept_input_under_a_new_generation(stage: Stage) -> None:
    failed = stage.fail(stage.post(text=b'{"a":1}').head)
    result = dispatch.redrive(stage.svc, failed)
    assert isinstance(result, Applied)
    event = stage.lambda_.events[-1]
    assert event["input"] == {"a": 1} and event["invoke_once"]["attempt"] == 2
    assert event["invoke_once"]["generation"] == result.head.generation != failed.generation


def test_a_redrive_decided_on_an_old_state_counts_from_the_new_one(stage: Stage) -> None:
    seen = stage.post().head
    stage.fail(seen)
    result = dispatch.redrive(stage.svc, seen)
    assert isinstance(result, Applied) and (result.head.attempt, result.head.max_attempts) == (1, 3)


def test_a_redriven_runs_own_input_lasts_as_long_as_the_run_now_does(stage: Stage) -> None:
    head = stage.post(text=json.dumps([n * 7919 for n in range(300)]).encode()).head
    assert head.input_ref is not None and head.input_ref.startswith("item:")
    failed = stage.fail(head)
    stage.clock.step(20 * 86_400_000)
    result = dispatch.redrive(stage.svc, failed)
    assert isinstance(result, Applied)
    part = stage.store.engine.get(head.run_id, f"input#{head.input_ref.removeprefix('item:')}")
    assert part is not None and part["expires_at"] >= result.head.expires_at


@pytest.mark.parametrize("from_start", [True, False])
def test_a_redriven_run_s_checkpoint_lasts_as_long_as_it_may_be_needed(stage: Stage, from_start: bool) -> None:
    failed = stage.fail(stage.post().head)
    stage.table.items[failed.run_id, "head"]["state_ref"] = "item:l#000001:x"
    part = {"run_id": failed.run_id, "part": "state#l#000001", "state": b"\x001", "expires_at": 1}
    stage.table.items[failed.run_id, "state#l#000001"] = part
    result = dispatch.redrive(stage.svc, stage.now(failed), from_start=from_start)
    assert isinstance(result, Applied)
    kept_until = stage.table.items[failed.run_id, "state#l#000001"]["expires_at"]
    assert kept_until == (1 if from_start else result.head.expires_at)


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT])
def test_a_repeat_with_rerun_sends_a_failed_run_again(stage: Stage, status: Status) -> None:
    failed = stage.fail(stage.post().head)
    assert stage.post().head == failed  # the default: what came of it
    again = stage.post(if_failed="rerun")
    assert again.replayed and again.head.status == "queued" and again.head.generation != failed.generation
    assert len(stage.lambda_.events) == 2


def test_a_repeat_with_rerun_leaves_a_cancelled_run_alone(stage: Stage) -> None:
    head = stage.post().head
    dispatch.cancel(stage.svc, head)
    assert stage.post(if_failed="rerun").head.status == "cancelled"


# The sweep


def test_a_sweep_looks_at_all_that_is_due_over_pages_and_shards(stage: Stage) -> None:
    heads = [stage.post(key=f"k{n}").head for n in range(3 * PAGE)]
    stage.clock.step(FIRST_LOOK_MS)
    swept = sweep(stage.svc, lambda *_: None, workers=1)
    assert (swept.looked_at, swept.failed, swept.unfinished) == (len(heads), 0, False)
    assert {stage.now(head).dispatches for head in heads} == {2}
    assert sweep(stage.svc, lambda *_: None, workers=1).looked_at == 0


def test_a_sweep_stops_when_its_time_is_over_and_the_next_goes_on(stage: Stage) -> None:
    for n in range(3 * PAGE):
        stage.post(key=f"k{n}")
    stage.clock.step(FIRST_LOOK_MS)
    first = sweep(stage.svc, lambda *_: None, workers=1, budget_ms=-1)
    assert first.unfinished and 0 < first.looked_at < 3 * PAGE
    assert first.looked_at + sweep(stage.svc, lambda *_: None, workers=1).looked_at == 3 * PAGE


def test_a_poisoned_run_is_passed_over_and_told(stage: Stage) -> None:
    good = stage.post().head
    poison = {"run_id": "run_poison", "part": "head", "due_shard": good.due_shard, "due_at": 1, "nobody": "knows"}
    stage.table.items["run_poison", "head"] = poison
    stage.clock.step(FIRST_LOOK_MS)
    swept = sweep(stage.svc, lambda *_: None)
    assert (swept.looked_at, swept.failed) == (2, 1)
    assert stage.now(good).dispatches == 2


def test_a_sweep_goes_from_a_lost_attempt_to_its_callback_in_one_look(stage: Stage) -> None:
    head = stage.claim(stage.post(max_attempts=1, callback_url="https://a.example/").head)
    stage.clock.to(head.lease_until + 1)
    told: list[str] = []
    attend(stage.svc, head.run_id, lambda _svc, ended: told.append(ended.status))
    assert told == ["failed"]


@pytest.mark.parametrize(("size", "by_reference"), [(890_000, False), (899_990, True), (950_000, True)])
def test_an_input_goes_along_while_the_event_has_900_kb(stage: Stage, size: int, by_reference: bool) -> None:
    stage.post(text=b'"' + b"x" * (size - 2) + b'"')
    (event,) = stage.lambda_.events
    assert ("input_ref" in event["invoke_once"]) is by_reference
    assert (event["input"] is None) is by_reference


def test_an_unwrapped_function_s_input_leaves_room_for_its_answer_in_one_record(stage: Stage) -> None:
    stage.post(PLAIN, text=b'{"x":"' + b"x" * 399_000 + b'"}')
    with pytest.raises(PayloadTooLarge, match="400000"):
        stage.post(PLAIN, key="l", text=b'{"x":"' + b"x" * 400_000 + b'"}')


HOOK, OTHER_HOOK = "https://hook.example/all", "https://hook.example/this"
TOLD = structs.replace(ECHO, callback=HOOK)


def test_a_function_s_own_callback_is_told_unless_the_request_says_otherwise(stage: Stage) -> None:
    asked: list[dict[str, Any]] = [{}, {"callback_url": OTHER_HOOK}, {"no_callback": True}]
    heads = [stage.post(TOLD, key=str(n), **more).head for n, more in enumerate(asked)]
    assert [head.callback_url for head in heads] == [HOOK, OTHER_HOOK, None]


def test_a_repeat_after_the_function_s_callback_was_changed_is_a_repeat(stage: Stage) -> None:
    head = stage.post(TOLD).head
    for now in (ECHO, structs.replace(ECHO, callback=OTHER_HOOK)):
        again = stage.post(now)
        assert again.replayed and again.head.callback_url == HOOK == head.callback_url


def test_no_callback_is_another_request_than_none_said(stage: Stage) -> None:
    for function in (ECHO, TOLD):
        stage.post(function, key=function.callback)
        with pytest.raises(KeyReused):
            stage.post(function, key=function.callback, no_callback=True)
        stage.post(function, key=f"{function.callback} none", no_callback=True)
        assert stage.post(function, key=f"{function.callback} none", no_callback=True).replayed


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_trace_goes_with_each_event_and_what_is_beside_it_with_the_first(stage: Stage) -> None:
    head = stage.post(traceparent=TRACE, tracestate="vendor=1").head
    stage.clock.step(FIRST_LOOK_MS)
    assert stage.attend(head) == Due.DISPATCH
    first, second = (event["invoke_once"] for event in stage.lambda_.events)
    assert (first["traceparent"], first["tracestate"]) == (TRACE, "vendor=1")
    assert second["traceparent"] == TRACE and "tracestate" not in second
    assert stage.now(head).traceparent == TRACE
    unwrapped = stage.post(PLAIN, key="u", traceparent=TRACE, tracestate="vendor=1")
    assert stage.lambda_.events[-1]["invoke_once"]["tracestate"] == "vendor=1"
    assert unwrapped.head.traceparent == TRACE


def test_a_repeat_with_another_trace_is_a_repeat(stage: Stage) -> None:
    head = stage.post(traceparent=TRACE).head
    for other in (None, TRACE.replace("4bf9", "4bfa")):
        again = stage.post(traceparent=other)
        assert again.replayed and again.head.traceparent == TRACE == head.traceparent


def test_a_head_with_a_trace_stays_within_a_write_unit(stage: Stage) -> None:
    for size in range(0, 1_500, 50):
        head = stage.post(key=f"size {size}", text=b'"' + b"x" * size + b'"', traceparent=TRACE).head
        assert item_size(to_item(stage.claim(head).item())) <= 1024

"""What of the stream and the queue wakes attend, and when."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.due import wake
from chalicelib.due.wake import MAX_DELAY_S, WORKERS, on_stream, on_wake
from chalicelib.invoker import TOGETHER, Answer, Fired
from chalicelib.service import Service
from chalicelib.settings import read
from invoke_once.life import gates
from invoke_once.testing import Bench

NOW_MS = 1_800_000_000_000


@dataclass
class Attends:
    fired: list[list[str]] = field(default_factory=list)

    @property
    def runs(self) -> list[str]:
        return [run for some in self.fired for run in some]

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        assert target == "s-attend"
        self.fired.append(json.loads(payload)["run_ids"])
        return Fired()


@dataclass
class Delayed:
    sent: list[tuple[str, int]] = field(default_factory=list)
    together: threading.Barrier | None = None

    def send(self, run_id: str, delay_s: int) -> None:
        if self.together is not None:
            self.together.wait(10)
        if run_id == "run_poison":
            raise OSError("the queue is away")
        self.sent.append((run_id, delay_s))


class Stage:
    def __init__(self, together: threading.Barrier | None = None) -> None:
        bench = Bench()
        self.attends, self.queue = Attends(), Delayed(together=together)
        env = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t"})
        self.svc = Service(env, bench.store, bench.payloads, {}, self.attends, lambda: NOW_MS)

    def records(self, *records: dict[str, Any]) -> dict[str, Any]:
        return on_stream(self.svc, self.queue, {"Records": list(records)})


def image(**values: str | int) -> dict[str, Any]:
    return {k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()}


def record(new: dict[str, Any] | None, old: dict[str, Any] | None = None, number: str = "1") -> dict[str, Any]:
    images = {"NewImage": new, "OldImage": old, "SequenceNumber": number}
    return {"dynamodb": {k: v for k, v in images.items() if v is not None}}


def ended(run_id: str = "run_a", at_ms: int = NOW_MS) -> dict[str, Any]:
    return image(run_id=run_id, part="head", cb_status="pending", cb_due=at_ms)


RUNNING = image(run_id="run_a", part="head", status="running")


def test_an_outcome_with_a_callback_is_attended_to_at_once() -> None:
    stage = Stage()
    assert stage.records(record(ended(), RUNNING)) == {"batchItemFailures": []}
    assert stage.attends.runs == ["run_a"] and stage.queue.sent == []


@pytest.mark.parametrize(("ahead_ms", "delay_s"), [(1, 1), (5_000, 5), (5_001, 6), (MAX_DELAY_S * 1000, MAX_DELAY_S)])
def test_a_next_try_waits_in_the_queue_never_too_short(ahead_ms: int, delay_s: int) -> None:
    stage = Stage()
    stage.records(record(ended(at_ms=NOW_MS + ahead_ms), ended()))
    assert stage.queue.sent == [("run_a", delay_s)] and stage.attends.runs == []


def test_what_is_further_off_than_the_queue_can_wait_is_left_to_the_sweep() -> None:
    stage = Stage()
    stage.records(record(ended(at_ms=NOW_MS + MAX_DELAY_S * 1000 + 1), ended()))
    assert stage.queue.sent == [] and stage.attends.runs == []


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (ended(), ended()),
        (ended() | image(cb_status="delivered"), ended()),
        (RUNNING, RUNNING),
        (None, ended()),
        (image(run_id="run_a", part="delivery#x#0001", at=1), None),
        (image(run_id="run_a", part="head", not_before=NOW_MS, wait_shard="gate_paused_a#1"), None),
    ],
    ids=["nothing new", "delivered", "a heartbeat", "deleted", "another part", "held by a gate"],
)
def test_what_asks_for_nothing_new_wakes_nobody(new: dict[str, Any] | None, old: dict[str, Any] | None) -> None:
    stage = Stage()
    assert stage.records(record(new, old)) == {"batchItemFailures": []}
    assert stage.queue.sent == [] and stage.attends.runs == []


def test_a_delivered_callback_that_is_sent_again_is_attended_to() -> None:
    stage = Stage()
    stage.records(record(ended(), ended() | image(cb_status="delivered")))
    assert stage.attends.runs == ["run_a"]


@pytest.mark.parametrize("body", ["[" * 100_000, "[]", "7", "null", '{"run_id"', "\ud800", None])
def test_no_message_stops_the_others_of_its_batch(body: Any) -> None:
    stage = Stage()
    messages = [{"messageId": "1", "body": body}, {"messageId": "2", "body": '{"run_id": "run_a"}'}]
    assert on_wake(stage.svc, {"Records": messages}) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert stage.attends.runs == ["run_a"]


@pytest.mark.parametrize("part", ["head", "batch", "bulk"])
def test_a_start_that_waits_goes_through_the_queue(part: str) -> None:
    stage = Stage()
    stage.records(record(image(run_id="run_a", part=part, not_before=NOW_MS + 3_000)))
    assert stage.queue.sent == [("run_a", 3)]


def test_a_batch_is_looked_at_when_a_run_of_it_has_ended() -> None:
    stage = Stage()
    run = image(run_id="run_a", part="head", batch="batch_of_one_run")
    stage.records(record(run | image(status="succeeded"), run | image(status="running")))
    assert stage.attends.runs == ["batch_of_one_run"]


@pytest.mark.parametrize(("left_s", "sent"), [(MAX_DELAY_S, True), (MAX_DELAY_S + 1, False)])
def test_a_gate_is_looked_at_when_a_slot_will_be_free_as_far_as_the_queue_can_wait(left_s: int, sent: bool) -> None:
    stage, rack = Stage(), gates.rack_id(gates.of_function("two"), 0)
    held = image(run_id="run_a", part="head", slot=gates.Slot(rack, "s0").text, hold="h")
    stage.records(record(image(run_id="run_a", part="head", slot_until=NOW_MS + left_s * 1000), held))
    assert stage.queue.sent == ([(rack, left_s)] if sent else [])


def test_one_bad_record_is_reported_and_stops_no_other() -> None:
    stage = Stage()
    poison = record(ended("run_poison", NOW_MS + 5_000), number="2")
    assert stage.records(record(ended("run_a")), poison, record(ended("run_b"), number="3")) == {
        "batchItemFailures": [{"itemIdentifier": "2"}]
    }
    assert sorted(stage.attends.runs) == ["run_a", "run_b"]


def test_the_records_of_a_batch_do_not_wait_for_one_another() -> None:
    """Each message waits until as many are under way at once: one after another they would wait for ever."""
    stage = Stage(threading.Barrier(WORKERS))
    runs = [f"run_{n}" for n in range(WORKERS)]
    assert stage.records(*(record(ended(run, NOW_MS + 5_000)) for run in runs)) == {"batchItemFailures": []}
    assert sorted(run for run, _ in stage.queue.sent) == runs


def test_runs_that_are_due_together_are_looked_at_together_and_each_once() -> None:
    stage = Stage()
    runs = [f"run_{n}" for n in range(TOGETHER + 3)]
    stage.records(*(record(ended(run)) for run in [*runs, runs[0]]))
    assert [len(some) for some in stage.attends.fired] == [TOGETHER, 3]
    assert sorted(stage.attends.runs) == sorted(runs)


def test_a_message_whose_delay_is_over_is_attended_to_and_an_unreadable_one_is_handed_back() -> None:
    stage = Stage()
    messages = [{"messageId": "1", "body": '{"run_id": "run_a"}'}, {"messageId": "2", "body": "?"}]
    assert on_wake(stage.svc, {"Records": messages}) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert stage.attends.runs == ["run_a"]


def test_a_message_names_its_run_and_waits_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DEFAULT_REGION", "us-east-1"), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(f"AWS_{name}", value)
    wake._sqs.cache_clear()
    sent = {"QueueUrl": "https://sqs.example/1/wake", "MessageBody": '{"run_id": "run_a"}', "DelaySeconds": 5}
    with Stubber(wake._sqs()) as stub:
        stub.add_response("send_message", {}, sent)
        wake.SqsQueue("https://sqs.example/1/wake").send("run_a", 5)
        stub.assert_no_pending_responses()
    assert json.loads(sent["MessageBody"]) == {"run_id": "run_a"}

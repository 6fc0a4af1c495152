"""What each of the service's Lambdas does with its event: it hands it to its module, and says what came of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib import triggers
from chalicelib.batches import spread
from chalicelib.service import Service, use_service
from invoke_once.handler.envelope import fired_event
from invoke_once.life.due import FIRST_LOOK_MS
from tests.unit.direct import aws_records as aws
from tests.unit.runs.test_dispatch import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def called(stage: Stage, trigger: Any, event: Any) -> Any:
    with use_service(stage.svc):
        return trigger(event, None)


def test_attend_takes_one_run_or_several(stage: Stage) -> None:
    first, second = (stage.post(key=key).head.run_id for key in "ab")
    assert called(stage, triggers.attend, {"run_id": first}) == {"did": {first: "nothing"}}
    assert set(called(stage, triggers.attend, {"run_ids": [first, second]})["did"]) == {first, second}


def test_sweep_says_what_it_saw(stage: Stage) -> None:
    stage.post(key="a")
    stage.clock.step(FIRST_LOOK_MS)
    assert called(stage, triggers.sweep, {}) == {"looked_at": 1, "failed": 0, "unfinished": False}


def test_wake_and_stream_tell_what_they_could_not_do(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    message = {"messageId": "m1", "body": json.dumps({"run_id": "run_a"}), "attributes": {}}
    assert called(stage, triggers.wake, {"Records": [message]}) == {"batchItemFailures": []}
    settings = structs.replace(stage.svc.settings, wake_queue="http://127.0.0.1:9/q")
    stage.svc = structs.replace(stage.svc, settings=settings)
    assert called(stage, triggers.stream, {"Records": []}) == {"batchItemFailures": []}


def test_record_says_how_the_run_is_now(stage: Stage) -> None:
    head = stage.post(key="a").head
    event = json.loads(fired_event(head, b"null", stage.clock()))
    told = aws.never_started(head.function, event, "EventAgeExceeded")
    assert set(called(stage, triggers.record, told)) == {"run_status"}
    assert called(stage, triggers.record, aws.failed("nobodys", {}, aws.PYTHON_ERROR)) == {"run_status": None}


def test_each_stands_on_the_service_that_was_handed_in(stage: Stage) -> None:
    with use_service(stage.svc) as given:
        assert isinstance(given, Service) and triggers.service() is stage.svc


def test_attend_is_a_worker_of_a_batch_where_the_event_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(spread, "work", lambda *given: asked.append(given) or 7)
    assert called(stage, triggers.attend, {"spread": "batch_a"}) == {"did": {"batch_a": 7}}
    assert called(stage, triggers.attend, {"spread": "batch_a", "worker": 2}) == {"did": {"batch_a": 7}}
    assert asked == [(stage.svc, "batch_a", 0), (stage.svc, "batch_a", 2)]

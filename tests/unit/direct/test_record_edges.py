"""Invocation records at their edges: late, of another request, without what newer ones have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.due.attend import attend
from chalicelib.runs import dispatch
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Refused
from tests.unit.direct import aws_records as aws
from tests.unit.direct import events
from tests.unit.direct.test_record import FUNCTION, NODE, Recorded, crashing, died
from tests.unit.direct.world import TENANT, World
from tests.unit.printed import lines


@pytest.fixture
def here(world: World) -> Recorded:
    return Recorded(world)


def test_a_record_that_changes_nothing_is_told_of(here: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    what = aws.record("unknown", events.eventbridge("e-1"), 1)
    assert here.told(what) is None
    (line,) = lines(capsys, "report_without_effect")
    assert (line["condition"], line["function"]) == ("Success", what["requestContext"]["functionArn"])


def test_an_unannounced_run_is_one_of_an_unwrapped_function_in_its_first_attempt(here: Recorded) -> None:
    here.world.table.away = {"H"}
    with pytest.raises(Exception, match="no H"):
        here.told(aws.record(NODE, {"name": "Ada"}, 1, request_id="request-9"))
    (run,) = here.world.runs()
    assert (run.mode, run.attempt, run.request_id, run.lease_until) == (
        "destination",
        1,
        "request-9",
        here.world.clock() + LEASE_GRACE_MS,
    )


def test_a_half_told_run_is_not_settled_by_the_record_of_another_request(here: Recorded) -> None:
    here.world.table.away = {"H"}
    with pytest.raises(Exception, match="no H"):
        here.told(aws.record(NODE, events.eventbridge("e-1"), 1, request_id="first"))
    here.world.table.away = set()
    assert isinstance(here.told(aws.record(NODE, events.eventbridge("e-1"), 2, request_id="second")), Refused)
    assert [run.status for run in here.world.runs()] == ["running"]


def test_an_event_that_never_reached_its_body_says_nothing_of_a_later_attempt(here: Recorded) -> None:
    head, first = here.start("twice")
    here.told(aws.failed("twice", first, aws.NODE_ERROR))
    here.world.pass_(60_000)
    attend(here.svc, head.run_id, lambda _svc, _run: None)
    second = here.head(head)
    assert (second.status, second.attempt) == ("running", 2)
    assert here.told(aws.never_started("twice", first, "EventAgeExceeded")) is None
    assert here.head(head) == second


@pytest.mark.parametrize("attempt", [1, None])
def test_a_death_before_the_claim_is_kept_on_the_run_that_waits(here: Recorded, attempt: int | None) -> None:
    head = dispatch.accept(here.svc, dispatch.StartRequest(here.functions[FUNCTION], TENANT, key="k")).head
    event = json.loads(json.dumps(here.fires.events[-1]))
    event["invoke_once"].pop("attempt")  # as an earlier version fired it
    if attempt is not None:
        event["invoke_once"]["attempt"] = attempt
    assert here.told(aws.failed(FUNCTION, event, {"errorMessage": "no module"})) is None
    told = here.world.error(here.head(head)) or {}
    assert told["type"] == "FunctionError" and "no module" in told["message"]


def test_a_late_death_of_an_earlier_attempt_is_not_kept_on_the_run_that_waits_for_another(here: Recorded) -> None:
    head = dispatch.accept(here.svc, dispatch.StartRequest(here.functions[FUNCTION], TENANT, key="k")).head
    event = json.loads(json.dumps(here.fires.events[-1]))
    event["invoke_once"]["attempt"] = 2
    assert here.told(aws.failed(FUNCTION, event, {"errorMessage": "no module"})) is None
    assert here.world.error(here.head(head)) is None


@pytest.mark.parametrize("hint", [True, False])
def test_the_run_of_equal_calls_is_found_though_the_hint_of_its_number_was_lost(here: Recorded, hint: bool) -> None:
    event = {"a": 1}
    with pytest.raises(Exception, match="no H"):
        here.world.call(crashing(here, attach=True), event, request_id="r-1", timeout_ms=2_000)
    (run,) = here.world.runs()
    items: Any = here.world.table.items
    if not hint:
        for name in [name for name in items if name[1] != "head"]:
            del items[name]
    died(here, event, request_id="r-1")
    assert here.head(run).status == "failed"

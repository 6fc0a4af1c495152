"""Runs that no HTTP call began, and that go on in another leg: what their caller gets, and what a report changes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from chalicelib.due.attend import attend
from invoke_once import current_run, tracked
from invoke_once.handler.attempt import Attempt
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.testing import KilledByLambda
from tests.unit.direct import aws_records as aws
from tests.unit.direct import events
from tests.unit.direct.test_record import Recorded
from tests.unit.direct.world import FUNCTION, Body, World

HOUR_MS = 3_600_000


@pytest.fixture
def world() -> World:
    return World(on_timeout="continue")


@pytest.fixture
def here(world: World) -> Recorded:
    here = Recorded(world)
    function = structs.replace(here.functions[FUNCTION], on_timeout="continue")
    here.functions[FUNCTION] = function
    return here


def sleeps(event: Any = None) -> Any:
    """Two legs, with an hour between them."""
    run = current_run()
    if run.leg == 1:
        run.checkpoint({"seen": 1})
        run.continue_later(after=3_600)
    return {"legs": run.leg, "state": run.state}


def next_leg(here: Recorded, head: Head) -> Any:
    """The event that the service fires for the leg, at its time."""
    waits = here.head(head)
    here.world.clock.to(max(waits.not_before or 0, here.world.clock()))
    attend(here.svc, head.run_id, lambda *_: None)
    return here.fires.events[-1]


def the_run(world: World) -> Head:
    (head,) = world.runs()
    return head


# What the caller gets


@pytest.mark.parametrize("attach", [False, True])
@pytest.mark.parametrize("event", [events.eventbridge("e-1"), {"plain": "call of an SDK"}])
def test_a_caller_is_told_which_run_goes_on_and_the_service_fires_the_rest(
    here: Recorded, event: Any, attach: bool
) -> None:
    body = Body(sleeps)
    handler = tracked(attach=attach)(body)
    answer = here.world.call(handler, event)
    head = the_run(here.world)
    assert answer == {"run_id": head.run_id, "status": "queued"}
    assert (head.leg, head.between_legs, head.attempt_number) == (2, True, 1)
    here.world.call(handler, next_leg(here, head))
    ended = here.head(head)
    assert here.world.output(ended) == {"legs": 2, "state": {"seen": 1}}
    assert (ended.status, ended.attempt_number) == ("succeeded", 1)
    assert body.events == [event, event], "each leg has the run's own input"


@pytest.mark.parametrize("running", [False, True])
def test_a_duplicate_that_attaches_does_not_wait_for_the_legs(here: Recorded, running: bool) -> None:
    body = Body(sleeps)
    handler = tracked(attach=True)(body)
    here.world.call(handler, events.eventbridge("e-1"))
    head = the_run(here.world)
    if running:
        attend_at = here.head(head).not_before or 0
        here.world.clock.to(attend_at)
        attend(here.svc, head.run_id, lambda *_: None)
        claim = moves.claim(head.run_id, head.generation, attend_at, 60_000, attend_at, leg=2)
        here.world.store.apply(claim)
    began = here.world.clock()
    answer = here.world.call(handler, events.eventbridge("e-1"))
    assert answer == {"run_id": head.run_id, "status": "running" if running else "queued"}
    assert (body.count, here.world.clock()) == (1, began)


def test_a_waiting_caller_is_let_go_when_the_first_leg_ends(world: World) -> None:
    live = world.elsewhere("e-1", on_timeout="continue")
    world.after(
        3_000, lambda: world.store.apply(moves.continue_later(live, world.clock() + HOUR_MS, "t", asked=True)).head
    )
    answer = world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"))
    assert answer == {"run_id": live.run_id, "status": "queued"}


def test_a_later_leg_that_is_to_be_retried_is_not_told_as_the_runs_end(world: World) -> None:
    live = world.elsewhere("e-1", on_timeout="continue", max_attempts=2)
    world.store.apply(moves.continue_later(live, world.clock(), "t", asked=True))
    second = world.store.apply(moves.claim(live.run_id, live.generation, world.clock(), 60_000, 1, leg=2)).head
    assert second is not None
    error = b'\x00{"type": "ValueError", "message": "once"}'
    world.store.apply(moves.requeue(moves.fence(second), second, world.clock() + 60_000, error, "u"))
    answer = world.call(tracked(attach=True)(Body()), events.eventbridge("e-1"))
    assert answer == {"run_id": live.run_id, "status": "queued"}


# Queues and streams


def of_queue(event: Any) -> Any:
    (message,) = event["Records"]
    return sleeps() if "sleep" in message["body"] else {"done": True}


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_a_message_whose_run_goes_on_counts_as_handled_and_those_behind_it_are_taken(world: World, queue: str) -> None:
    body = Body(of_queue)
    batch = events.sqs(("m-1", "sleep"), ("m-2", "x"), ("m-3", "sleep"), queue=queue)
    assert world.call(tracked(body), batch) == {"batchItemFailures": []}
    assert [(run.key, run.status) for run in world.runs()] == [
        ("m-1", "queued"), ("m-2", "succeeded"), ("m-3", "queued"),
    ]  # fmt: skip


def test_a_message_delivered_again_between_the_legs_is_handled_and_starts_nothing(world: World) -> None:
    body = Body(of_queue)
    world.call(tracked(body), events.sqs(("m-1", "sleep")))
    assert world.call(tracked(body), events.sqs(("m-1", "sleep"))) == {"batchItemFailures": []}
    world.clock.step(2 * HOUR_MS)  # and after the leg's time, when nobody has released it yet
    assert world.call(tracked(body), events.sqs(("m-1", "sleep"))) == {"batchItemFailures": []}
    assert body.count == 1 and the_run(world).between_legs


@pytest.mark.parametrize("attach", [False, True])
@pytest.mark.parametrize("batch", [events.dynamodb("1"), events.kinesis("1")])
def test_a_stream_does_not_wait_for_the_legs(world: World, batch: Any, attach: bool) -> None:
    body = Body(sleeps)
    handler = tracked(attach=attach)(body)
    first = world.call(handler, batch)
    assert first == {"run_id": the_run(world).run_id, "status": "queued"}
    assert world.call(handler, batch) == first, "delivered again: its shard goes on"
    assert body.count == 1


# What Lambda tells of a leg that is over


def killed(here: Recorded, handler: Any, event: Any, request_id: str) -> Head:
    """The invocation is killed after its watchdog wrote the continuation."""
    here.world.call(handler, event, timeout_ms=6_000, request_id=request_id)
    return the_run(here.world)


def runs_out(event: Any) -> Any:
    run = current_run()
    if run.leg > 1:
        return {"legs": run.leg}
    assert isinstance(run, Attempt)
    run.checkpoint(1)
    run.run_out(6)
    raise KilledByLambda


@pytest.mark.parametrize("where", ["waits", "released", "running", "ended"])
@pytest.mark.parametrize("fired", [True, False])
@pytest.mark.parametrize("error", [aws.TIMEOUT, aws.CRASH, aws.EMULATOR_CRASH])
def test_the_report_of_a_leg_that_is_over_changes_nothing(
    here: Recorded, fired: bool, where: str, error: dict[str, Any]
) -> None:
    handler = tracked(Body(runs_out))
    event: Any = events.eventbridge("e-1")
    if fired:
        event = here.start(FUNCTION, {"n": 1})[1]
    head = killed(here, handler, event, "r-1")
    assert (head.status, head.leg) == ("queued", 2)
    if where != "waits":
        second = next_leg(here, head)
        assert second["invoke_once"]["leg"] == 2
        if where == "running":
            now_ms = here.world.clock()
            here.world.store.apply(
                moves.claim(head.run_id, head.generation, now_ms, 60_000, second["invoke_once"]["fired_at"],
                            leg=2)
            )  # fmt: skip
        if where == "ended":
            here.world.call(handler, second)
    before = here.head(head)
    assert before.status == {"running": "running", "ended": "succeeded"}.get(where, "queued")
    for told in (aws.failed(FUNCTION, event, error, request_id="r-1"),
                 aws.thin(aws.failed(FUNCTION, event, error, request_id="r-1"))):  # fmt: skip
        here.told(told)
        assert here.head(head) == before


def test_a_leg_that_timed_out_is_not_claimable_before_lambda_has_killed_it(here: Recorded) -> None:
    handler = tracked(Body(runs_out))
    event = here.start(FUNCTION)[1]
    killed_at = here.world.clock() + 6_000
    head = killed(here, handler, event, "r-1")
    assert head.not_before == killed_at + LEASE_GRACE_MS
    here.world.clock.to(head.not_before - 1)
    attend(here.svc, head.run_id, lambda *_: None)
    claim = moves.claim(head.run_id, head.generation, here.world.clock(), 6_000, leg=2)
    assert here.world.store.apply(claim).head == here.head(head) == head, "neither released nor claimed"
    assert here.world.call(handler, event)["duplicate"]
    here.world.clock.to(head.not_before)
    assert next_leg(here, head)["invoke_once"]["leg"] == 2


def test_an_event_of_an_earlier_leg_starts_no_body(here: Recorded) -> None:
    def three(event: Any) -> Any:
        run = current_run()
        if run.leg < 3:
            run.checkpoint(run.leg, 0.1 * run.leg)
            run.continue_later()
        return run.leg

    body = Body(three)
    handler = tracked(body)
    head, first = here.start(FUNCTION)
    here.world.call(handler, first)
    assert here.world.call(handler, first)["duplicate"], "the next leg waits"
    second = next_leg(here, head)
    assert here.world.call(handler, first)["duplicate"], "the next leg is fired"
    here.world.call(handler, second)
    third = next_leg(here, head)
    for late in (first, second):
        assert here.world.call(handler, late)["duplicate"]
    assert (body.count, here.head(head).progress) == (2, 0.2)
    here.world.call(handler, third)
    for late in (first, second, third):
        assert here.world.call(handler, late)["duplicate"]
    assert (body.count, here.head(head).status) == (3, "succeeded")

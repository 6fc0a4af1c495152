"""Direct runs whose first attempt failed or vanished: who runs the next one, and what each caller hears."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import PayloadCorrupt, StillRunning
from invoke_once.handler.outcomes import raised
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Applied
from tests.unit.direct import events
from tests.unit.direct.world import Body, World

EVENT = events.eventbridge("e-1", {"a": 1})


@pytest.fixture
def world() -> World:
    return World(max_attempts=2, backoff_ms=10_000, jitter=False)


def flaky(times: int) -> Body:
    def then(event: Any) -> Any:
        if body.count <= times:
            raise ConnectionError(f"attempt {body.count}")
        return {"attempt": body.count, "event": event}

    body = Body(then)
    return body


def test_a_failed_first_attempt_goes_back_to_the_queue_and_is_raised(world: World) -> None:
    with pytest.raises(ConnectionError, match="attempt 1"):
        world.call(tracked(flaky(1)), EVENT)
    run = world.head("e-1")
    assert (run.status, run.attempt, run.not_before) == ("queued", 1, world.clock() + 10_000)
    world.pass_(10_000)
    assert is_due(world.head("e-1"), world.clock()) == Due.RELEASE, "the service fires it, where there is one"


def test_the_same_event_again_is_the_retry_when_its_time_has_come(world: World) -> None:
    """Lambda's own retry, or a queue's: where no service fires the run, this does."""
    body = flaky(1)
    with pytest.raises(ConnectionError):
        world.call(tracked(body), EVENT)
    world.pass_(9_999)
    assert world.call(tracked(body), EVENT)["invoke_once"]["status"] == "queued"
    world.pass_(1)
    assert world.call(tracked(body), EVENT) == {"attempt": 2, "event": EVENT}
    assert world.head("e-1").status == "succeeded"
    assert body.count == 2


def test_a_retry_runs_on_the_recorded_input(world: World) -> None:
    body = flaky(1)
    handler = tracked(key="detail.a")(body)
    with pytest.raises(ConnectionError):
        world.call(handler, EVENT)
    world.pass_(10_000)
    world.call(handler, events.eventbridge("e-2", {"a": 1, "other": True}))
    assert body.events == [EVENT, EVENT]


def test_the_body_starts_no_more_often_than_the_policy_allows(world: World) -> None:
    body = flaky(9)
    for _ in range(5):
        with pytest.raises(Exception, match="attempt"):
            world.call(tracked(body), EVENT)
        world.pass_(700_000)
    assert body.count == 2
    assert world.head("e-1").status == "failed"


def test_an_attached_first_caller_waits_for_the_retry_and_hears_what_everybody_hears(world: World) -> None:
    def retried_by_the_service() -> None:
        head = world.head("e-1")
        claimed = world.store.apply(moves.claim(head.run_id, head.generation, world.clock(), 60_000, fired_at=1))
        assert isinstance(claimed, Applied)
        world.end(claimed.head, "second time lucky")

    world.after(12_000, retried_by_the_service)
    assert world.call(tracked(attach=True)(flaky(1)), EVENT) == "second time lucky"


@pytest.mark.parametrize("attach", [False, True])
def test_an_attempt_that_vanished_is_taken_over_by_the_next_delivery(world: World, attach: bool) -> None:
    world.elsewhere("e-1", EVENT, lease_ms=5_000, max_attempts=2)
    world.pass_(5_000 + LEASE_GRACE_MS + 1)
    body = Body(lambda event: "taken over")
    assert world.call(tracked(attach=attach)(body), EVENT) == "taken over"
    assert world.head("e-1").attempt == 2


@pytest.mark.parametrize("attach", [False, True])
def test_an_attempt_that_vanished_and_may_not_be_repeated_ends_the_run(world: World, attach: bool) -> None:
    world.elsewhere("e-1", EVENT, lease_ms=5_000, max_attempts=2, on_lost="fail")
    world.pass_(5_000 + LEASE_GRACE_MS + 1)
    body = Body()
    with pytest.raises(Exception, match="vanished") as found:
        world.call(tracked(attach=attach)(body), EVENT)
    assert type(found.value).__name__ == "AttemptLost"
    assert body.count == 0 and world.head("e-1").status == "failed"


def test_a_live_lease_is_never_taken_over(world: World) -> None:
    live = world.elsewhere("e-1", EVENT, lease_ms=5_000, max_attempts=2)
    world.pass_(5_000 + LEASE_GRACE_MS)
    body = Body()
    world.call(tracked(body), EVENT)
    assert body.count == 0 and world.head("e-1") == live


def test_a_direct_call_runs_what_the_api_has_accepted_under_the_same_key(world: World) -> None:
    """POST /runs and a rule may carry the same key: one run, whoever is first; with the API's input."""
    new = moves.NewRun("acme", "billing", "o-1", payload={"input": b"\x00" + b'{"from":"api"}'})
    world.store.apply(moves.start(new, world.clock()))
    body = Body()
    world.call(tracked(key="detail.order")(body), events.eventbridge("e-1", {"order": "o-1"}))
    assert body.events == [{"from": "api"}]
    assert world.head("o-1").status == "succeeded"


def test_a_scheduled_run_is_not_begun_early_by_a_direct_call(world: World) -> None:
    new = moves.NewRun("acme", "billing", "o-1", delay_ms=3_600_000)
    world.store.apply(moves.start(new, world.clock()))
    body = Body()
    answer = world.call(tracked(key="detail.order")(body), events.eventbridge("e-1", {"order": "o-1"}))
    assert answer["invoke_once"]["status"] == "scheduled" and body.count == 0


def test_what_a_body_returned_is_not_the_answer_when_a_retry_made_another(world: World) -> None:
    """Its attempt was settled before it came to its end, as the watchdog does; the retry's outcome is the run's."""

    @tracked(attach=True)
    def handler(event: Any, context: Any) -> str:
        current_run().settle(raised(ConnectionError("gone")))  # type: ignore[attr-defined]
        return "too late"

    def retried_by_the_service() -> None:
        head = world.head("e-1")
        claimed = world.store.apply(moves.claim(head.run_id, head.generation, world.clock(), 60_000, fired_at=1))
        assert isinstance(claimed, Applied)
        world.end(claimed.head, "the second attempt's")

    world.after(12_000, retried_by_the_service)
    assert world.call(handler, EVENT) == "the second attempt's"


def test_a_body_that_ran_out_of_time_has_no_answer_of_its_own(world: World) -> None:
    """Its retry begins after its own caller's end: that is told the run's id."""

    @tracked(attach=True)
    def handler(event: Any, context: Any) -> str:
        current_run().run_out(60)  # type: ignore[attr-defined] # what the watchdog does
        return "too late"

    with pytest.raises(StillRunning, match="run_"):
        world.call(handler, EVENT)


def test_an_attempt_is_not_begun_without_its_input(world: World) -> None:
    large = events.eventbridge("e-1", {"text": [str(n * 7919 % 104729) for n in range(20_000)]})
    with pytest.raises(ConnectionError):
        world.call(tracked(flaky(1)), large)
    kept = dict(world.objects.objects)
    world.objects.objects.clear()
    world.pass_(10_000)
    body = Body()
    with pytest.raises(PayloadCorrupt):
        world.call(tracked(body), large)
    assert (body.count, world.head("e-1").status, world.head("e-1").attempt) == (0, "queued", 1)
    world.objects.objects.update(kept)
    assert world.call(tracked(body), large) == {"done": True}

"""A direct call becomes a run: under which key, whose, with what; and what its duplicates get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import ConfigurationError, StoreUnavailable
from invoke_once.handler.runtime import Policy
from invoke_once.life import moves
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.payloads import MAX_INPUT_BYTES
from invoke_once.testing import Bench, Context
from tests.unit.direct import events
from tests.unit.direct.world import Body, World


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (events.eventbridge("e-1", {"csv": "a\n"}), "e-1"),
        (events.sns("n-1"), "n-1"),
        (events.s3("in.csv", "01"), "s3:bucket/in.csv/ObjectCreated:Put/01"),
        ({"plain": "call of an SDK"}, "request-1"),
        (None, "request-1"),
    ],
)
def test_a_direct_call_is_a_run_with_its_result(world: World, event: Any, key: str) -> None:
    body = Body(lambda given: {"got": given})
    assert world.call(tracked(body), event) == {"got": event}
    run = world.head(key)
    assert (run.status, run.attempt, run.tenant, run.function) == ("succeeded", 1, "acme", "billing")
    assert world.output(run) == {"got": event}
    assert world.input(run) == event
    assert run.direct and run.started_at == run.created_at


def test_the_body_knows_its_run(world: World) -> None:
    seen: list[Any] = []

    @tracked
    def handler(event: Any, context: Any) -> None:
        run = current_run()
        seen.extend([run.id, run.attempt, run.function, run.tenant])

    world.call(handler, events.eventbridge("e-1"))
    assert seen == [world.head("e-1").run_id, 1, "billing", "acme"]


def test_an_sqs_message_invoked_alone_is_keyed_by_its_message_id(world: World) -> None:
    world.call(tracked(Body()), events.sqs(("m-1", "hello")))
    assert world.keys() == ["m-1"]


def test_the_key_option_goes_before_the_events_own_id(world: World) -> None:
    handler = tracked(key="detail.order")(Body())
    world.call(handler, events.eventbridge("e-1", {"order": "o-1"}))
    world.call(handler, events.eventbridge("e-2", {"order": "o-1"}))
    assert world.keys() == ["o-1"]


def test_a_call_without_its_key_runs_nothing_and_says_so(world: World) -> None:
    body = Body()
    with pytest.raises(ConfigurationError, match="order"):
        world.call(tracked(key="order")(body), {"other": 1})
    assert body.count == 0 and world.runs() == []


def test_a_run_of_an_outside_function_is_named_by_lambda_and_kept_by_its_own_policy() -> None:
    world = World(function="", max_attempts=3, backoff_ms=7_000, max_backoff_ms=70_000, jitter=False, on_lost="fail",
                  retention_s=3_600, callback="https://example.com/hook", on_timeout="continue",
                  max_legs=7)  # fmt: skip
    world.call(tracked(Body()), events.eventbridge("e-1"))
    (run,) = world.runs()
    assert run.function == "test"  # Context.function_name
    assert (run.max_attempts, run.backoff_ms, run.max_backoff_ms, run.jitter, run.on_lost) == (
        3, 7_000, 70_000, False, "fail")  # fmt: skip
    assert (run.callback_url, run.on_timeout, run.max_legs) == ("https://example.com/hook", "continue", 7)
    assert run.expires_at == world.clock() // 1000 + 3_600


def test_nobody_to_name_the_function_is_a_configuration_error() -> None:
    world = World(function="")
    context = Context(world.clock)
    context.function_name = ""
    from invoke_once.handler.runtime import use_runtime

    with use_runtime(world.runtime), pytest.raises(ConfigurationError, match="ONCE_FUNCTION"):
        tracked(Body())({}, context)


def test_it_shows_under_its_tenant(world: World) -> None:
    world.call(tracked(Body()), events.eventbridge("e-1"))
    run = world.head("e-1")
    found = world.table.index(
        "by_tenant", run.tenant_shard or "", low=0, high=world.clock(), limit=9, newest_first=True, after=None
    )
    assert [key.run_id for key in found] == [run.run_id]


def test_a_delivery_that_is_repeated_later_gets_the_recorded_outcome(world: World) -> None:
    body = Body(lambda event: {"n": body.count})
    handler = tracked(body)
    first = world.call(handler, events.eventbridge("e-1"))
    world.pass_(20 * moves.DAY_S * 1000)
    assert world.call(handler, events.eventbridge("e-1")) == first == {"n": 1}
    assert body.count == 1


def test_after_the_retention_the_same_event_is_a_new_run() -> None:
    world = World(retention_s=3_600)
    body = Body()
    world.call(tracked(body), events.eventbridge("e-1"))
    world.pass_(3_600_000)
    world.call(tracked(body), events.eventbridge("e-1"))
    assert body.count == 2


def test_lambda_repeating_a_request_does_not_repeat_the_body(world: World) -> None:
    body = Body()
    for _ in range(3):
        world.call(tracked(body), {"a": 1}, request_id="r-1")
    assert body.count == 1


def test_two_equal_calls_of_an_sdk_without_attach_are_two_runs(world: World) -> None:
    body = Body()
    world.call(tracked(body), {"a": 1})
    world.call(tracked(body), {"a": 1})
    assert body.count == 2 and len(world.runs()) == 2


def test_a_duplicate_of_a_live_run_is_dropped_and_told_which_run_it_is(world: World) -> None:
    body, live = Body(), world.elsewhere("e-1")
    answer = world.call(tracked(body), events.eventbridge("e-1"))
    assert answer == {"invoke_once": {"run_id": live.run_id, "status": "running", "duplicate": True}}
    assert body.count == 0
    assert world.head("e-1") == live


def test_a_failure_is_raised_to_the_caller_and_recorded(world: World) -> None:
    def fail(event: Any) -> None:
        raise KeyError("order")

    body = Body(fail)
    with pytest.raises(KeyError, match="order"):
        world.call(tracked(body), events.eventbridge("e-1"))
    run = world.head("e-1")
    assert run.status == "failed"
    told = world.error(run) or {}
    assert (told["type"], told["message"]) == ("KeyError", "'order'")
    assert "raise KeyError" in told["trace"]


class PaymentRefused(Exception):
    pass


@pytest.mark.parametrize("error", [PaymentRefused("card 4711"), KeyError("k"), ValueError(""), SystemExit(3)])
def test_a_repeat_of_a_failed_call_raises_the_same_type_name_and_message(world: World, error: BaseException) -> None:
    def fail(event: Any) -> None:
        raise error

    body = Body(fail)
    with pytest.raises(type(error)):
        world.call(tracked(body), events.eventbridge("e-1"))
    with pytest.raises(Exception) as again:  # it is made from the record
        world.call(tracked(body), events.eventbridge("e-1"))
    assert type(again.value).__name__ == type(error).__name__
    assert str(again.value) == str(error)
    assert body.count == 1


def test_an_output_that_is_no_json_fails_the_run_for_the_first_caller_as_for_the_next(world: World) -> None:
    handler = tracked(Body(lambda event: {"x": {1, 2}}))
    messages = []
    for _ in range(2):
        with pytest.raises(Exception, match="not JSON") as raised:
            world.call(handler, events.eventbridge("e-1"))
        messages.append((type(raised.value).__name__, str(raised.value)))
    assert messages[0] == messages[1]
    assert messages[0][0] == "OutputNotSerializable"


def test_an_input_larger_than_the_api_takes_is_no_reason_to_refuse_a_direct_call(world: World) -> None:
    event = {"text": "x" * (MAX_INPUT_BYTES + 1000)}
    world.call(tracked(Body()), event, request_id="r-1")
    assert world.input(world.head("r-1")) == event


def test_a_duplicate_with_a_large_payload_puts_nothing(world: World) -> None:
    event = {"text": [str(n * 7919 % 104729) for n in range(20_000)]}
    world.call(tracked(Body()), event, request_id="r-1")
    assert len(world.objects.objects) == 1
    world.objects.objects.clear()
    world.call(tracked(Body()), event, request_id="r-1")
    assert world.objects.objects == {}


def test_without_its_record_a_body_never_starts(world: World) -> None:
    body = Body()
    world.table.away = {"B"}
    with pytest.raises(StoreUnavailable):
        world.call(tracked(body), events.eventbridge("e-1"))
    assert body.count == 0


def test_the_lease_covers_the_callers_whole_time_and_no_more(world: World) -> None:
    leases: list[int] = []

    @tracked
    def handler(event: Any, context: Any) -> None:
        leases.append(world.head("e-1").lease_until - world.clock())

    world.call(handler, events.eventbridge("e-1"), timeout_ms=30_000)
    assert leases == [30_000 + LEASE_GRACE_MS]


def test_a_cancelled_direct_run_ends_cancelled_for_everybody(world: World) -> None:
    @tracked
    def handler(event: Any, context: Any) -> None:
        world.store.apply(moves.request_cancel(world.head("e-1")))
        world.pass_(3_000)
        current_run().check()

    names = []
    for _ in range(2):
        with pytest.raises(Exception, match="cancel") as raised:
            world.call(handler, events.eventbridge("e-1"))
        names.append((type(raised.value).__name__, str(raised.value)))
    assert world.head("e-1").status == "cancelled"
    assert names[0] == names[1] and names[0][0] == "RunCancelled"


def test_a_run_cancelled_while_its_body_failed_is_told_alike(world: World) -> None:
    """With a retry left a cancel wins over the failure: the first caller hears what is recorded."""
    world.policy = Policy("billing", "acme", max_attempts=2)

    @tracked
    def handler(event: Any, context: Any) -> None:
        world.store.apply(moves.request_cancel(world.head("e-1")))
        raise ValueError("and then it broke")

    for _ in range(2):
        with pytest.raises(Exception, match="cancel") as raised:
            world.call(handler, events.eventbridge("e-1"))
        assert type(raised.value).__name__ == "RunCancelled"


def test_a_body_that_outlived_its_attempt_answers_with_the_outcome_of_record(world: World) -> None:
    """Another attempt took over and succeeded; what the late body returned is not the run's output."""

    @tracked
    def handler(event: Any, context: Any) -> str:
        head = world.head("e-1")
        world.pass_(head.lease_until - world.clock() + 1)
        taken = world.store.apply(moves.claim(head.run_id, head.generation, world.clock(), 60_000))
        assert taken.head is not None
        world.end(taken.head, "the successor's")
        return "the late one's"

    world.policy = Policy("billing", "acme", max_attempts=2)
    assert world.call(handler, events.eventbridge("e-1")) == "the successor's"


def test_users_can_call_their_handlers_directly_in_a_test() -> None:
    bench = Bench(function="report")
    answer = bench.call(tracked(lambda event, context: {"rows": 1}), events.eventbridge("e-1"))
    (run,) = bench.runs()
    assert answer == run.output == {"rows": 1}
    assert (run.head.key, run.head.function, run.status) == ("e-1", "report", "succeeded")


def test_a_direct_run_is_told_where_the_function_s_callback_says() -> None:
    world = World(callback="https://hook.example/")
    world.call(tracked(lambda event, _context: event), {"a": 1}, request_id="r-1")
    head = world.head("r-1")
    assert (head.direct, head.callback_url, head.cb_status) == (True, "https://hook.example/", "pending")
    assert head.cb_due == head.finished_at
    world = World()
    world.call(tracked(lambda event, _context: event), {"a": 1}, request_id="r-1")
    assert (world.head("r-1").callback_url, world.head("r-1").cb_status) == (None, None)


def test_a_duplicate_that_is_dropped_is_told_and_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    live, body = world.elsewhere("e-1"), Body()
    world.call(tracked(body), events.eventbridge("e-1"))
    assert body.count == 0
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"duplicate_dropped"' in line]
    assert (told["run_id"], told["run_status"]) == (live.run_id, "running")
    assert told["DuplicatesRefused"] == 1

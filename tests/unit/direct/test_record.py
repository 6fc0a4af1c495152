"""Lambda's invocation records: outcomes of functions nobody wrapped, and deaths of attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import structs

from chalicelib.destinations import reports
from chalicelib.destinations.record import record
from chalicelib.due.attend import attend
from chalicelib.functions import Function, Retry
from chalicelib.invoker import Answer, Fired
from chalicelib.runs import dispatch
from chalicelib.service import Service
from chalicelib.settings import read
from invoke_once import tracked
from invoke_once.errors import NotClaimed
from invoke_once.handler.envelope import fired_event
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Applied, Refused
from tests.unit.direct import aws_records as aws
from tests.unit.direct import events
from tests.unit.direct.world import FUNCTION, TENANT, Body, World

NODE = "theirs"


@dataclass
class Fires:
    """The Lambda API: keeps what was fired."""

    events: list[Any] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.events.append(json.loads(payload))
        return Fired()


class Recorded:
    """The service over a World: `start` fires an unwrapped function, `told` takes a record in."""

    def __init__(self, world: World) -> None:
        self.world, self.fires = world, Fires()
        self.functions = {
            NODE: Function(NODE, target=NODE, mode="destination", tenant=TENANT, timeout_seconds=30, retention_days=7),
            "twice": Function("twice", target="twice", mode="destination", retry=Retry(2, 10, 60, jitter=False)),
            FUNCTION: Function(FUNCTION, target=FUNCTION, tenant=TENANT),
        }
        settings = read({"ONCE_STACK": "t", "ONCE_RUNS_TABLE": "t-runs"})
        self.svc = Service(settings, world.store, world.payloads, self.functions, self.fires, world.clock, lambda: 0)

    def start(self, function: str = NODE, given: Any = None, **more: Any) -> tuple[Head, Any]:
        """The run, and the event its function was fired with."""
        request = dispatch.StartRequest(self.functions[function], TENANT, input=json.dumps(given).encode(), **more)
        head = dispatch.accept(self.svc, request).head
        return head, self.fires.events[-1]

    def told(self, what: dict[str, Any]) -> Any:
        return record(self.svc, what)

    def head(self, head: Head) -> Head:
        found = self.world.store.get(head.run_id, self.world.clock())
        assert found is not None
        return found


@pytest.fixture
def here(world: World) -> Recorded:
    return Recorded(world)


def whole_and_thin(what: dict[str, Any]) -> list[dict[str, Any]]:
    return [what, aws.thin(what)]


# Unwrapped, fired by the service


def test_the_event_is_the_input_and_one_member_more(here: Recorded) -> None:
    head, event = here.start(given={"name": "Ada"})
    assert event.pop("invoke_once") == {
        "run_id": head.run_id, "generation": head.generation, "attempt": 1, "lease_id": head.lease_id, "v": 1,
    }  # fmt: skip
    assert event == {"name": "Ada"}
    assert head.status == "running"


@pytest.mark.parametrize("shape", [0, 1], ids=["AWS", "emulator"])
@pytest.mark.parametrize("output", [{"hello": "Ada"}, None, "text", 0, [], "x" * 20_000])
def test_a_success_is_the_runs_outcome(here: Recorded, shape: int, output: Any) -> None:
    head, event = here.start()
    here.told(whole_and_thin(aws.record(NODE, event, output))[shape])
    run = here.head(head)
    assert run.status == "succeeded"
    assert here.world.output(run) == output


@pytest.mark.parametrize("shape", [0, 1], ids=["AWS", "emulator"])
@pytest.mark.parametrize(
    ("error", "status", "type_name"),
    [
        (aws.PYTHON_ERROR, "failed", "ValueError"),
        (aws.NODE_ERROR, "failed", "Error"),
        (aws.TIMEOUT, "timed_out", "Sandbox.Timedout"),
        (aws.OLD_TIMEOUT, "timed_out", "FunctionError"),
        (aws.CRASH, "failed", "Runtime.ExitError"),
        ({"errorType": "ConnectTimeout", "errorMessage": "the task timed out after 5 s"}, "failed", "ConnectTimeout"),
        ({"errorType": "Boom", "errorMessage": "said: Task timed out after lunch"}, "failed", "Boom"),
        ({}, "failed", "FunctionError"),
        (None, "failed", "FunctionError"),
        ("text", "failed", "FunctionError"),
    ],
)
def test_a_failure_is_told_by_its_type_message_and_trace(
    here: Recorded, shape: int, error: Any, status: str, type_name: str
) -> None:
    head, event = here.start()
    here.told(whole_and_thin(aws.failed(NODE, event, error))[shape])
    run = here.head(head)
    told = here.world.error(run) or {}
    assert (run.status, told["type"]) == (status, type_name)
    if isinstance(error, dict) and error:
        assert told["message"] == error["errorMessage"]


def test_the_trace_of_either_language_is_kept(here: Recorded) -> None:
    for error, line in ((aws.PYTHON_ERROR, "line 3, in handler"), (aws.NODE_ERROR, "at Runtime.handler")):
        head, event = here.start()
        here.told(aws.failed(NODE, event, error))
        assert line in (here.world.error(here.head(head)) or {})["trace"]


def test_a_record_that_comes_twice_changes_nothing(here: Recorded) -> None:
    head, event = here.start()
    here.told(aws.record(NODE, event, 1))
    before = here.head(head)
    assert isinstance(here.told(aws.record(NODE, event, 1)), Refused)
    assert isinstance(here.told(aws.failed(NODE, event, aws.NODE_ERROR)), Refused)
    assert here.head(head) == before


def test_a_failed_attempt_is_tried_again_and_the_old_record_cannot_touch_the_new_attempt(here: Recorded) -> None:
    head, first = here.start("twice")
    here.told(aws.failed("twice", first, aws.NODE_ERROR))
    assert (here.head(head).status, here.head(head).not_before) == ("queued", here.world.clock() + 10_000)
    here.world.pass_(10_000)
    attend(here.svc, head.run_id, lambda svc, run: None)
    second = here.fires.events[-1]
    assert second["invoke_once"]["attempt"] == 2
    assert isinstance(here.told(aws.failed("twice", first, aws.NODE_ERROR)), Refused)
    assert isinstance(here.told(aws.record("twice", first, "late")), Refused)
    here.told(aws.record("twice", second, "good"))
    assert here.world.output(here.head(head)) == "good"


def test_an_input_of_its_own_lasts_until_a_late_retry(here: Recorded) -> None:
    head, event = here.start("twice", given={"text": "".join(str(n * n) for n in range(1_000))})
    where = (head.run_id, f"input#{str(head.input_ref).removeprefix('item:')}")
    here.world.pass_(20 * 3_600_000)
    before = here.world.table.items[where]["expires_at"]
    here.told(aws.failed("twice", event, aws.NODE_ERROR))
    assert here.head(head).status == "queued"
    assert here.world.table.items[where]["expires_at"] > before


def test_a_cancel_asked_for_meanwhile_ends_it_instead_of_a_retry(here: Recorded) -> None:
    head, event = here.start("twice")
    here.world.store.apply(moves.request_cancel(head))
    here.told(aws.failed("twice", event, aws.NODE_ERROR))
    assert here.head(head).status == "cancelled"


def test_a_success_after_a_cancel_was_asked_for_is_a_success(here: Recorded) -> None:
    head, event = here.start()
    here.world.store.apply(moves.request_cancel(head))
    here.told(aws.record(NODE, event, 1))
    assert here.head(head).status == "succeeded"


def test_a_record_after_the_leases_end_counts_as_long_as_nobody_gave_the_attempt_up(here: Recorded) -> None:
    head, event = here.start()
    here.world.pass_(head.lease_until - here.world.clock() + 1)
    here.told(aws.record(NODE, event, "late"))
    assert here.head(head).status == "succeeded"


def test_a_record_after_the_attempt_was_given_up_is_refused(here: Recorded) -> None:
    head, event = here.start()
    here.world.pass_(head.lease_until - here.world.clock() + 1)
    attend(here.svc, head.run_id, lambda svc, run: None)
    assert isinstance(here.told(aws.record(NODE, event, "late")), Refused)
    assert here.head(head).status == "failed"


def test_the_lease_leaves_lambda_its_own_queue_of_six_hours(here: Recorded) -> None:
    head, _ = here.start()
    assert head.lease_until == here.world.clock() + (30 + 6 * 3600) * 1000 + LEASE_GRACE_MS


def test_a_record_of_an_earlier_generation_is_about_no_run(here: Recorded) -> None:
    head, event = here.start()
    here.told(aws.failed(NODE, event, aws.NODE_ERROR))
    dispatch.redrive(here.svc, here.head(head))
    assert here.told(aws.record(NODE, event, "from before")) is None
    assert here.head(head).status == "running"


@pytest.mark.parametrize(
    "what",
    [
        {}, {"requestContext": None}, {"requestPayload": "text"},
        {"requestPayload": {"invoke_once": {"run_id": "run_no"}}},
        {"requestContext": {"functionArn": "nonsense", "condition": "Success"}, "requestPayload": {}},
    ],
)  # fmt: skip
def test_nonsense_is_about_no_run(here: Recorded, what: dict[str, Any]) -> None:
    assert here.told(what) is None
    assert here.world.runs() == []


def test_an_output_over_the_limit_is_a_failure_not_a_lost_run(here: Recorded) -> None:
    head, event = here.start()
    here.told(aws.record(NODE, event, "x" * (10 * 1024 * 1024 + 1)))
    assert (here.world.error(here.head(head)) or {})["type"] == "OutputTooLarge"


# Unwrapped, direct


@pytest.mark.parametrize(
    ("payload", "key"),
    [(events.eventbridge("e-1"), "e-1"), ({"name": "Ada"}, "request-9"), ("text", "request-9"), (None, "request-9")],
)
def test_an_invocation_nobody_announced_becomes_a_run_with_its_result(here: Recorded, payload: Any, key: str) -> None:
    here.told(aws.record(NODE, payload, {"hello": 1}, request_id="request-9"))
    (run,) = here.world.runs()
    assert (run.status, run.key, run.tenant, run.function, run.direct) == ("succeeded", key, TENANT, NODE, True)
    assert here.world.output(run) == {"hello": 1}
    assert here.world.input(run) == payload
    assert run.expires_at == here.world.clock() // 1000 + 7 * moves.DAY_S


def test_its_failure_is_kept_too(here: Recorded) -> None:
    here.told(aws.failed(NODE, events.eventbridge("e-1"), aws.NODE_ERROR))
    (run,) = here.world.runs()
    assert (run.status, (here.world.error(run) or {})["type"]) == ("failed", "Error")


def test_told_twice_it_is_one_run(here: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    what = aws.record(NODE, events.eventbridge("e-1"), {"hello": 1})
    here.told(what)
    (before,) = here.world.runs()
    again = here.told(what)
    assert here.world.runs() == [before]
    assert isinstance(again, Refused) and again.head == before
    told = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if line["event"] == "reported"]
    assert [line["run_id"] for line in told] == [before.run_id] * 2
    assert [(line["condition"], line["run_status"]) for line in told] == [("Success", "succeeded")] * 2
    assert [(line.get("refused"), line["Reported"]) for line in told] == [(None, 1), (True, 1)]


@pytest.mark.parametrize(
    ("told", "type_"),
    [({"errorType": "E", "name": "N"}, "E"), ({"name": "N"}, "N"), ({}, "")],
    ids=["Python", "Node.js", "nothing"],
)
def test_an_error_has_its_runtime_s_name(told: dict[str, Any], type_: str) -> None:
    assert reports.read(aws.failed(NODE, {}, told)).error_type == type_


@pytest.mark.parametrize(("count", "answered", "invoked"), [(0, False, False), (1, False, True), (0, True, True)])
@pytest.mark.parametrize("condition", ["EventAgeExceeded", "ZeroReservedConcurrency"])
def test_a_function_was_started_when_lambda_counted_a_start_or_had_an_answer(
    condition: str, count: int, answered: bool, invoked: bool
) -> None:
    what = aws.never_started(NODE, {}, condition) | ({"responseContext": {"statusCode": 200}} if answered else {})
    what["requestContext"]["approximateInvokeCount"] = count
    found = reports.read(what)
    assert found.invoked is invoked
    assert found.message == reports.UNTOLD[condition]
    del what["requestContext"]["approximateInvokeCount"]
    assert reports.read(what).invoked is answered, "without a count its condition says that it was not started"


def test_a_telling_that_was_cut_off_is_finished_by_the_next(here: Recorded) -> None:
    """`record` died between its two writes; Lambda invokes it again."""
    what = aws.record(NODE, events.eventbridge("e-1"), {"hello": 1})
    here.world.table.away = {"H"}
    with pytest.raises(Exception, match="no H"):
        here.told(what)
    assert [run.status for run in here.world.runs()] == ["running"]
    here.world.table.away = set()
    here.told(what)
    assert [run.status for run in here.world.runs()] == ["succeeded"]


def test_such_a_run_can_be_sent_again_by_a_person(here: Recorded) -> None:
    here.told(aws.failed(NODE, {"name": "Ada"}, aws.NODE_ERROR))
    (run,) = here.world.runs()
    assert isinstance(dispatch.redrive(here.svc, run), Applied)
    assert here.fires.events[-1]["name"] == "Ada"
    here.told(aws.record(NODE, here.fires.events[-1], "now"))
    assert here.head(run).status == "succeeded"


def test_sent_again_with_an_input_that_takes_no_member_it_says_so(here: Recorded) -> None:
    here.told(aws.failed(NODE, "text", aws.NODE_ERROR))
    (run,) = here.world.runs()
    dispatch.redrive(here.svc, run)
    told = here.world.error(here.head(run)) or {}
    assert (told["type"], here.fires.events) == ("TargetRefused", [])


def test_a_function_that_is_not_in_functions_toml_is_nobodys_business(here: Recorded) -> None:
    assert here.told(aws.record("unknown", events.eventbridge("e-1"), 1)) is None
    assert here.world.runs() == []


# Wrapped: deaths


def claimed(here: Recorded, fired_ms: int) -> tuple[Head, Any]:
    """A run that an attempt holds, and the event that was fired for it."""
    request = dispatch.StartRequest(here.functions[FUNCTION], TENANT, key="k")
    head = dispatch.accept(here.svc, request).head
    event = json.loads(fired_event(head, b"null", fired_ms))
    result = here.world.store.apply(moves.claim(head.run_id, head.generation, here.world.clock(), 60_000, fired_ms))
    assert isinstance(result, Applied)
    return result.head, event


@pytest.mark.parametrize("shape", [0, 1], ids=["AWS", "emulator"])
@pytest.mark.parametrize("error", [aws.CRASH, aws.EMULATOR_CRASH, aws.TIMEOUT, aws.OLD_TIMEOUT])
def test_a_death_ends_the_attempt_at_once(here: Recorded, shape: int, error: dict[str, Any]) -> None:
    head, event = claimed(here, 1_000)
    here.told(whole_and_thin(aws.failed(FUNCTION, event, error))[shape])
    run = here.head(head)
    assert run.status == "failed"
    told = here.world.error(run) or {}
    assert told["type"] == "AttemptLost" and error["errorMessage"] in told["message"]


def test_a_death_of_an_event_that_did_not_claim_leaves_the_attempt_alone(here: Recorded) -> None:
    head, _ = claimed(here, 2_000)
    earlier = json.loads(fired_event(head, b"null", 1_000))
    assert here.told(aws.failed(FUNCTION, earlier, aws.CRASH)) is None
    assert here.head(head) == head


@pytest.mark.parametrize("on_lost", ["retry", "fail"])
def test_an_attempt_that_never_heard_of_its_claim_is_not_spent(here: Recorded, on_lost: str) -> None:
    head, event = claimed(here, 1_000)
    here.world.table.items[head.run_id, "head"]["on_lost"] = on_lost
    unheard = {"errorType": "NotClaimed", "errorMessage": str(NotClaimed(head.lease_id or "", "no answer"))}
    here.told(aws.failed(FUNCTION, event, unheard))
    back = here.head(head)
    assert (back.status, back.error, back.max_attempts - back.attempt) == ("queued", None, 1)


def test_an_attempt_that_did_not_claim_says_nothing_of_the_one_that_did(here: Recorded) -> None:
    head, event = claimed(here, 1_000)
    unheard = {"errorType": "NotClaimed", "errorMessage": str(NotClaimed("another", "no answer"))}
    assert here.told(aws.failed(FUNCTION, event, unheard)) is None
    assert here.head(head) == head


def test_a_function_that_cannot_start_is_given_up_after_three_events(here: Recorded) -> None:
    request = dispatch.StartRequest(here.functions[FUNCTION], TENANT, key="k")
    head = dispatch.accept(here.svc, request).head
    import_error = {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'orders'"}
    for _ in range(2):
        assert here.told(aws.failed(FUNCTION, here.fires.events[-1], import_error)) is None
        here.world.pass_(130_000)
        attend(here.svc, head.run_id, lambda svc, run: None)
    here.told(aws.failed(FUNCTION, here.fires.events[-1], import_error))
    told = here.world.error(here.head(head)) or {}
    assert (here.head(head).status, told["type"]) == ("failed", "NeverStarted")
    assert "orders" in told["message"]


@pytest.mark.parametrize("why", ["throttled", "store away"])
def test_a_function_that_could_start_is_never_given_up(here: Recorded, why: str) -> None:
    request = dispatch.StartRequest(here.functions[FUNCTION], TENANT, key="k")
    head = dispatch.accept(here.svc, request).head
    for _ in range(5):
        event = here.fires.events[-1]
        away = {"errorType": "Runtime.HandlerError", "errorMessage": str(NotClaimed("", "DynamoDB did not answer"))}
        told = {
            "throttled": aws.never_started(FUNCTION, event, "EventAgeExceeded"),
            "store away": aws.failed(FUNCTION, event, away),
        }
        assert here.told(told[why]) is None
        here.world.pass_(2_000_000)
        attend(here.svc, head.run_id, lambda svc, run: None)
    assert here.head(head).status == "queued"


def died(here: Recorded, event: Any, handler: Any = None, *, request_id: str, error: Any = aws.CRASH) -> Any:
    """The death of a direct invocation, as Lambda tells it."""
    return here.told(aws.failed(FUNCTION, event, error, request_id=request_id))


def crashing(here: Recorded, attach: bool = False) -> Any:
    """A wrapped handler whose process dies in the body: nothing after the claim is written."""

    def die(event: Any) -> None:
        here.world.table.away = {"H", "I", "slot", "J"}
        raise MemoryError

    def handler(event: Any, context: Any) -> Any:
        wrapped = tracked(attach=attach)(Body(die))
        try:
            return wrapped(event, context)
        finally:
            here.world.table.away = set()

    return handler


@pytest.mark.parametrize(
    ("event", "attach"),
    [(events.eventbridge("e-1"), False), ({"a": 1}, False), ({"a": 1}, True), (events.s3("a.csv"), True)],
)
def test_the_death_of_a_direct_call_finds_its_run_by_the_key_the_wrapper_gave_it(
    here: Recorded, event: Any, attach: bool
) -> None:
    with pytest.raises(Exception, match="no H"):
        here.world.call(crashing(here, attach), event, request_id="r-1", timeout_ms=2_000)
    (run,) = here.world.runs()
    assert run.status == "running"
    died(here, event, request_id="r-1")
    assert here.head(run).status == "failed"
    assert (here.world.error(here.head(run)) or {})["type"] == "AttemptLost"


def test_the_death_of_a_second_delivery_is_not_the_firsts(here: Recorded) -> None:
    """Lambda delivered an event twice; the second, which only waited for the first, died."""
    live = here.world.elsewhere("e-1")
    assert died(here, events.eventbridge("e-1"), request_id="another request") is None
    assert here.world.head("e-1") == live


def test_without_the_requests_id_nobody_is_declared_dead(here: Recorded) -> None:
    live = here.world.elsewhere("e-1")
    assert here.told(aws.thin(aws.failed(FUNCTION, events.eventbridge("e-1"), aws.CRASH))) is None
    assert here.world.head("e-1") == live


def test_the_death_of_the_first_attempt_does_not_touch_the_second(here: Recorded) -> None:
    """It failed and was queued again; the service's own attempt runs when the report of the first arrives."""
    live = here.world.elsewhere("e-1", max_attempts=2)
    requeued = here.world.store.apply(
        moves.requeue(moves.fence(live), live, here.world.clock(), b"\x00{}", moves.new_token())
    )
    assert isinstance(requeued, Applied)
    here.world.store.apply(moves.claim(live.run_id, live.generation, here.world.clock(), 60_000, fired_at=5))
    second = here.world.head("e-1")
    assert died(here, events.eventbridge("e-1"), request_id="elsewhere") is None
    assert here.world.head("e-1") == second


def test_a_direct_attempt_that_took_over_dies_by_its_own_request(here: Recorded) -> None:
    live = here.world.elsewhere("e-1", max_attempts=3)
    requeued = here.world.store.apply(
        moves.requeue(moves.fence(live), live, here.world.clock(), b"\x00{}", moves.new_token())
    )
    assert isinstance(requeued, Applied)
    claim = moves.claim(live.run_id, live.generation, here.world.clock(), 60_000, request_id="second")
    assert isinstance(here.world.store.apply(claim), Applied)
    assert died(here, events.eventbridge("e-1"), request_id="elsewhere") is None
    died(here, events.eventbridge("e-1"), request_id="second")
    run = here.world.head("e-1")
    assert (run.status, run.attempt) == ("queued", 2), "a retry is left, by the run's own policy"


def test_a_wrapped_functions_success_needs_no_record(here: Recorded) -> None:
    live = here.world.elsewhere("e-1")
    assert here.told(aws.record(FUNCTION, events.eventbridge("e-1"), 1, request_id="elsewhere")) is None
    assert here.world.head("e-1") == live


def test_an_unannounced_run_is_told_where_its_function_s_callback_says(here: Recorded) -> None:
    hook = "https://hook.example/"
    here.functions[NODE] = structs.replace(here.functions[NODE], callback=hook)
    told = here.told(aws.record(NODE, {"name": "Ada"}, 1))
    assert (told.head.direct, told.head.status) == (True, "succeeded")
    assert (told.head.callback_url, told.head.cb_status) == (hook, "pending")

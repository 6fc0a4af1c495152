"""One run's callback from its outcome to its end, on the in-memory store with a stepped clock and a scripted wire."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs
from standardwebhooks.webhooks import Webhook

from chalicelib.callbacks.breaker import FAILURES, FIRST_PAUSE_MS, LAST_PAUSE_MS, PROBE_MS, breaker
from chalicelib.callbacks.deliver import MAX_BODY_BYTES, Sender, deliver, message, request_delivery
from chalicelib.callbacks.deliveries import deliveries, send_again
from chalicelib.callbacks.redelivery import PAUSES_S, SPAN_MS
from chalicelib.callbacks.urls import CallbackUrl
from chalicelib.callbacks.webhook import Outcome
from chalicelib.invoker import Answer, Fired
from chalicelib.runs.documents import run_document
from chalicelib.service import Service
from chalicelib.settings import read
from invoke_once import tracked
from invoke_once.errors import StoreUnavailable
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves.callback_moves import DELIVERY_LEASE_MS, webhook_id
from invoke_once.signing import verify
from invoke_once.store.store import Applied
from invoke_once.testing import Bench

SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_bmV4dCBzZWNyZXQgb2YgMzIgYnl0ZXMsIG5lYXI="]
URL = "https://hook.example/x?y=1"
OK, DOWN = Outcome(204, None, 12), Outcome(500, "the receiver answered 500", 34)


@dataclass
class Wire:
    """Answers as told, the last answer for ever; keeps what was sent."""

    plan: list[Outcome]
    slow: bool = False
    sent: list[tuple[CallbackUrl, Mapping[str, str], bytes]] = field(default_factory=list)

    def __call__(self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        if self.slow:
            on_slow()
        self.sent.append((url, headers, body))
        return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]


@dataclass
class Invoked:
    fired: list[tuple[str, bytes]] = field(default_factory=list)

    def fire(self, target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.fired.append((target, payload))
        return Fired()


@tracked
def echo(event: Any, _context: Any) -> Any:
    return event


class Stage:
    """A service in memory, and runs that end with a callback to tell."""

    def __init__(self, url: str = URL, targets: str = "{}") -> None:
        self.bench = Bench(callback_url=url)
        self.clock, self.invoked = self.bench.clock, Invoked()
        env = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t", "ONCE_CALLBACK_TARGETS": targets})
        self.svc = Service(env, self.bench.store, self.bench.payloads, {}, self.invoked, self.clock, lambda: 0.0)
        self.wire = Wire([OK])
        self.means = self.sending_by(self.wire)

    def ended_run(self, event: Any = 1, key: str | None = None) -> str:
        return self.bench.run(echo, event, key=key).id

    def head(self, run_id: str) -> Head:
        head = self.svc.store.get(run_id, self.clock())
        assert head is not None
        return head

    def deliver(self, run_id: str) -> Head:
        deliver(self.svc, self.head(run_id), self.means)
        return self.head(run_id)

    def attend(self, run_id: str) -> Due:
        """As attend does: deliver if it is due."""
        due = is_due(self.head(run_id), self.clock())
        if due == Due.DELIVER:
            self.deliver(run_id)
        return due

    def rows(self, run_id: str) -> list[dict[str, Any]]:
        return deliveries(self.svc, self.head(run_id))

    def sending_by(self, send: Any) -> Sender:
        return Sender(secrets_for=lambda _tenant, _now_ms: SECRETS, send=send)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[list[dict[str, Any]]]:
    """The callback lines of the log, once the test asks."""

    class Lines(list[dict[str, Any]]):
        def read(self) -> "Lines":
            self.extend(json.loads(line) for line in capsys.readouterr().out.splitlines() if "callback" in line)
            return self

    yield Lines()


def event_of(wire: Wire) -> Any:
    return json.loads(wire.sent[-1][2])


# A message and its signatures.


def test_the_outcome_is_told_with_a_signature_of_every_valid_secret(stage: Stage) -> None:
    run_id = stage.ended_run({"rows": 3})
    stage.clock.step(700)
    assert stage.deliver(run_id).cb_status == "delivered"

    url, headers, body = stage.wire.sent[0]
    head = stage.head(run_id)
    assert str(url) == URL
    for secret in SECRETS:
        event = verify(secret, headers, body, now=lambda: stage.clock() / 1000)
        assert event["type"] == "run.succeeded" and event["data"]["output"] == {"rows": 3}
        assert event["timestamp"] == "2027-01-15T08:00:00.000Z"
    assert headers["webhook-id"] == webhook_id(head) and headers["webhook-timestamp"] == str(stage.clock() // 1000)


def test_the_official_library_takes_what_is_sent(stage: Stage) -> None:
    stage.clock.now_ms = time.time_ns() // 1_000_000
    stage.deliver(stage.ended_run({"text": "ünïcode ☃"}))
    _, headers, body = stage.wire.sent[0]
    for secret in SECRETS:
        assert Webhook(secret).verify(body, dict(headers))["data"]["output"] == {"text": "ünïcode ☃"}


def test_a_run_that_ended_badly_says_how_in_its_type(stage: Stage) -> None:
    head = stage.bench.start(1)
    assert isinstance(stage.svc.store.apply(moves.cancel(head, stage.clock())), Applied)
    stage.deliver(head.run_id)
    assert event_of(stage.wire)["type"] == "run.cancelled"


@pytest.mark.parametrize(
    ("document", "has_output", "has_trace"),
    [
        ({"output": "x" * 19_000, "error": None}, True, False),
        ({"output": "x" * 20_000, "error": None}, False, False),
        ({"output": "\0" * 5_000, "error": None}, False, False),
        ({"output": float("inf"), "error": None}, False, False),
        ({"output": None, "error": {"message": "x" * 4000, "trace": "t" * 4000}}, False, 4000),
        ({"output": None, "error": {"message": "☃" * 4000, "trace": "☃" * 4000}}, False, 1000),
    ],
)
def test_a_message_stays_under_20_kb_and_leaves_a_larger_output_to_its_link(
    stage: Stage, document: dict[str, Any], has_output: bool, has_trace: int
) -> None:
    body = message(stage.head(stage.ended_run()), {"id": "r", **document})
    data = json.loads(body)["data"]
    assert len(body) <= MAX_BODY_BYTES and data["id"] == "r"
    assert (data["output"] is not None) == has_output
    assert len((data["error"] or {}).get("trace", "")) == has_trace


def test_the_data_is_the_run_as_http_shows_it(stage: Stage) -> None:
    run_id = stage.ended_run([1, "ünï"], key="order-7")
    expected = run_document(stage.svc, stage.head(run_id))
    stage.deliver(run_id)
    data = event_of(stage.wire)["data"]
    assert data == expected and data["output"] == [1, "ünï"] and data["idempotency_key"] == "order-7"


# The schedule.


def test_ten_attempts_on_the_schedule_with_one_id_and_then_it_is_given_up(stage: Stage) -> None:
    stage.wire.plan = [Outcome(404, "the receiver answered 404", 1)]
    run_id = stage.ended_run()
    sent_at = []
    for _ in range(40):
        head = stage.head(run_id)
        if head.cb_due is None:
            break
        if head.cb_attempt:
            stage.clock.to(head.cb_due - 1)
            assert stage.attend(run_id) != Due.DELIVER, "not a millisecond too early"
        stage.clock.to(head.cb_due)
        assert stage.attend(run_id) == Due.DELIVER
        sent_at.append(stage.clock())
        stage.clock.step(40)

    head = stage.head(run_id)
    assert (head.cb_status, head.cb_attempt, head.due_at) == ("failed", 10, None)
    pauses_ms = [later - earlier for earlier, later in pairwise(sent_at)]
    assert pauses_ms == [pause * 1000 for pause in PAUSES_S[1:]]
    assert {headers["webhook-id"] for _, headers, _ in stage.wire.sent} == {webhook_id(head)}
    stamps = [headers["webhook-timestamp"] for _, headers, _ in stage.wire.sent]
    assert len(set(stamps)) == 10, "a new timestamp each time"
    assert stage.attend(run_id) == Due.NOTHING


def test_retry_after_is_honoured(stage: Stage) -> None:
    stage.wire.plan = [Outcome(503, "the receiver answered 503", 1, retry_after_s=120)]
    head = stage.deliver(stage.ended_run())
    assert head.cb_due == stage.clock() + 120_000


def test_gone_ends_it_at_once(stage: Stage, lines: Any) -> None:
    stage.wire.plan = [Outcome(410, "the receiver answered 410", 1)]
    run_id = stage.ended_run()
    head = stage.deliver(run_id)
    assert (head.cb_status, head.cb_due, head.due_at) == ("failed", None, None)
    assert stage.rows(run_id)[0]["next_at"] is None
    assert lines.read()[-1]["CallbackFailed"] == 1


def test_a_flaky_receiver_gets_it_the_second_time(stage: Stage) -> None:
    stage.wire.plan = [DOWN, OK]
    run_id = stage.ended_run()
    assert stage.deliver(run_id).cb_status == "pending"
    stage.clock.to(stage.head(run_id).cb_due or 0)
    assert stage.deliver(run_id).cb_status == "delivered"
    assert [row["status_code"] for row in stage.rows(run_id)] == [500, 204]


# At least once, and by one sender at a time.


def test_of_many_that_come_at_once_one_sends(stage: Stage) -> None:
    run_id = stage.ended_run()
    seen = stage.head(run_id)

    def meanwhile(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        for _ in range(3):
            deliver(stage.svc, seen, stage.means)
        return OK

    deliver(stage.svc, seen, stage.sending_by(meanwhile))
    deliver(stage.svc, seen, stage.means)
    assert stage.wire.sent == [] and stage.head(run_id).cb_attempt == 1


def test_a_sender_that_died_is_followed_by_another_with_the_same_id_once_its_claim_lapses(stage: Stage) -> None:
    run_id = stage.ended_run()

    class Killed(BaseException):
        pass

    def dies(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        stage.wire(url, headers, body, on_slow)
        raise Killed

    with pytest.raises(Killed):
        deliver(stage.svc, stage.head(run_id), stage.sending_by(dies))
    stage.clock.step(DELIVERY_LEASE_MS - 1)
    assert stage.deliver(run_id).cb_status == "pending" and len(stage.wire.sent) == 1
    stage.clock.step(1)
    assert stage.deliver(run_id).cb_status == "delivered"
    first, second = (headers["webhook-id"] for _, headers, _ in stage.wire.sent)
    assert first == second


def test_an_outcome_that_could_not_be_recorded_is_sent_again_never_lost(stage: Stage) -> None:
    run_id = stage.ended_run()
    real, writes = stage.svc.store.engine.write, []

    def fails_at_the_end(move: Move) -> Any:
        writes.append(move.letter)
        if move.letter == "R" and writes.count("R") == 1:
            raise StoreUnavailable
        return real(move)

    stage.svc.store.engine.write = fails_at_the_end  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        stage.deliver(run_id)
    stage.clock.step(DELIVERY_LEASE_MS)
    assert stage.deliver(run_id).cb_status == "delivered" and len(stage.wire.sent) == 2


def test_without_the_master_key_nothing_is_claimed_and_nothing_is_sent(stage: Stage) -> None:
    def unavailable(_tenant: str, _now_ms: int) -> list[str]:
        raise StoreUnavailable

    run_id = stage.ended_run()
    with pytest.raises(StoreUnavailable):
        deliver(stage.svc, stage.head(run_id), Sender(secrets_for=unavailable, send=stage.wire))
    assert stage.wire.sent == [] and stage.rows(run_id) == []
    assert stage.attend(run_id) == Due.DELIVER and len(stage.wire.sent) == 1


def test_a_redriven_runs_new_outcome_is_told_under_a_new_id(stage: Stage) -> None:
    head = stage.bench.start(1)
    stage.svc.store.apply(moves.cancel(head, stage.clock()))
    stage.deliver(head.run_id)
    again = stage.svc.store.apply(moves.redrive(stage.head(head.run_id), stage.clock()))
    assert isinstance(again, Applied)
    stage.bench.deliver(echo, again.head)
    stage.deliver(head.run_id)
    cancelled, succeeded = (headers["webhook-id"] for _, headers, _ in stage.wire.sent)
    assert cancelled != succeeded and event_of(stage.wire)["type"] == "run.succeeded"


# The log, and sending again.


def test_the_log_has_a_row_an_attempt_oldest_first(stage: Stage) -> None:
    stage.wire.plan = [DOWN, Outcome(None, "the connection was refused", 3), OK]
    run_id = stage.ended_run()
    assert stage.rows(run_id) == []
    for _ in range(3):
        stage.clock.to(stage.head(run_id).cb_due or 0)
        stage.deliver(run_id)
    assert stage.rows(run_id) == [
        {
            "webhook_id": webhook_id(stage.head(run_id)),
            "attempt": n,
            "at": at,
            "status_code": code,
            "error": error,
            "latency_ms": latency_ms,
            "next_at": next_at,
        }
        for n, at, code, error, latency_ms, next_at in [
            (1, "2027-01-15T08:00:00.000Z", 500, DOWN.error, 34, "2027-01-15T08:00:05.000Z"),
            (2, "2027-01-15T08:00:05.000Z", None, "the connection was refused", 3, "2027-01-15T08:05:05.000Z"),
            (3, "2027-01-15T08:05:05.000Z", 204, None, 12, None),
        ]
    ]


def test_an_attempt_under_way_is_in_the_log_without_an_end(stage: Stage) -> None:
    run_id = stage.ended_run()
    seen: list[list[dict[str, Any]]] = []

    def look(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        seen.append(stage.rows(run_id))
        return OK

    stage.wire.plan = [DOWN]
    stage.deliver(run_id)
    deliver(stage.svc, stage.head(run_id), stage.sending_by(look))
    assert [(row["attempt"], row["status_code"]) for row in seen[0]] == [(1, 500), (2, None)]
    assert (seen[0][1]["latency_ms"], seen[0][1]["next_at"]) == (None, None)


@pytest.mark.parametrize("first", [OK, Outcome(410, "the receiver answered 410", 1)])
def test_sending_again_keeps_the_id_and_starts_the_schedule_over(stage: Stage, first: Outcome) -> None:
    stage.wire.plan = [first, DOWN, OK]
    run_id = stage.ended_run()
    stage.deliver(run_id)
    stage.clock.step(86_400_000)

    assert isinstance(send_again(stage.svc, stage.head(run_id)), Applied)
    assert stage.head(run_id).cb_status == "pending"
    assert stage.attend(run_id) == Due.DELIVER
    assert stage.head(run_id).cb_due == stage.clock() + 5000, "a failure is followed by the schedule's first pause"
    stage.clock.step(5000)
    stage.attend(run_id)

    assert len({headers["webhook-id"] for _, headers, _ in stage.wire.sent}) == 1
    assert [(row["attempt"], row["status_code"]) for row in stage.rows(run_id)] == [
        (1, first.status_code), (2, 500), (3, 204),
    ]  # fmt: skip
    assert stage.head(run_id).cb_status == "delivered"


def test_a_run_that_has_not_ended_has_nothing_to_send_again(stage: Stage) -> None:
    head = stage.bench.start(1)
    assert not isinstance(send_again(stage.svc, head), Applied)


def test_the_sweep_has_it_delivered_by_an_invocation_of_its_own(stage: Stage) -> None:
    run_id = stage.ended_run()
    request_delivery(stage.svc, stage.head(run_id))
    assert stage.invoked.fired == [("s-attend", json.dumps({"run_ids": [run_id]}).encode())]
    assert stage.wire.sent == []


def test_one_line_is_logged_with_its_metric_and_without_url_body_or_secret(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.deliver(stage.ended_run({"canary": "payload-canary"}))
    out = capsys.readouterr().out
    line = json.loads(out.splitlines()[-1])
    assert line["event"] == "callback" and line["host"] == "hook.example" and line["CallbackDelivered"] == 1
    assert line["attempt"] == 1
    metrics = {m["Name"] for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert metrics == {"CallbackDelivered", "CallbackLatency_ms"}
    assert not any(word in out for word in ("payload-canary", "whsec_", "y=1", "v1,"))


# A receiver that is down, and one that is forbidden.


def test_a_url_that_is_forbidden_by_now_is_given_up_with_a_reason(stage: Stage) -> None:
    stage = Stage("https://10.0.0.1/")
    run_id = stage.ended_run()
    assert stage.deliver(run_id).cb_status == "failed" and stage.wire.sent == []
    (row,) = stage.rows(run_id)
    assert row["error"] == "refused: it must not point at an address that is not public"


def test_healthy_receivers_cost_no_write_beside_the_two_of_a_try(stage: Stage) -> None:
    run_id = stage.ended_run()
    before = stage.bench.table.writes
    stage.deliver(run_id)
    assert stage.bench.table.writes - before == 2


def break_receiver(stage: Stage) -> None:
    """Five runs whose first attempt fails."""
    stage.wire.plan = [DOWN]
    for _ in range(FAILURES):
        stage.deliver(stage.ended_run())
    stage.wire.sent.clear()


def test_a_receiver_that_failed_five_times_in_a_row_is_spared(stage: Stage, lines: Any) -> None:
    break_receiver(stage)
    run_id = stage.ended_run()
    head = stage.deliver(run_id)
    assert stage.wire.sent == [] and stage.rows(run_id) == []
    assert (head.cb_status, head.cb_attempt, head.cb_due) == ("pending", 0, stage.clock() + FIRST_PAUSE_MS)
    assert lines.read()[-1]["CallbackPostponed"] == 1


def test_those_who_wait_for_a_spared_receiver_do_not_all_come_at_once(stage: Stage) -> None:
    break_receiver(stage)
    stage.svc = structs.replace(stage.svc, spread=lambda: 0.5)
    assert stage.deliver(stage.ended_run()).cb_due == stage.clock() + FIRST_PAUSE_MS + 5_000


def test_attempts_that_were_under_way_together_are_all_counted_and_make_no_longer_pause(stage: Stage) -> None:
    """Many begin before the first of them fails: each read the receiver as it was before."""
    runs = [stage.ended_run() for _ in range(FAILURES * 2)]

    def begin_the_next(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        if runs:
            deliver(stage.svc, stage.head(runs.pop()), stage.sending_by(begin_the_next))
        return DOWN

    begin_the_next(CallbackUrl("https", "x", 443, "/"), {}, b"", None)
    late = stage.ended_run()
    assert stage.deliver(late).cb_due == stage.clock() + FIRST_PAUSE_MS and stage.wire.sent == []


def test_a_receiver_that_never_answers_holds_no_more_than_a_few_senders(stage: Stage) -> None:
    """Each attempt is slow, and under way while the next one begins."""
    waiting: list[str] = []

    def hangs(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        on_slow()
        waiting.append(headers["webhook-id"])
        deliver(stage.svc, stage.head(stage.ended_run()), stage.sending_by(hangs))
        return Outcome(None, "no answer within 15 s", 15_000)

    deliver(stage.svc, stage.head(stage.ended_run()), stage.sending_by(hangs))
    assert len(waiting) == FAILURES
    assert stage.deliver(stage.ended_run()).cb_due == stage.clock() + FIRST_PAUSE_MS, "each was counted once"


def test_a_slow_answer_is_a_good_answer(stage: Stage) -> None:
    stage.wire.slow = True
    for _ in range(3 * FAILURES):
        assert stage.deliver(stage.ended_run()).cb_status == "delivered"


def test_a_receiver_that_failed_and_then_answers_slowly_is_well_again(stage: Stage) -> None:
    stage.wire.plan = [DOWN] * (FAILURES - 2) + [OK] * 4
    for number in range(FAILURES + 2):
        stage.wire.slow = number >= FAILURES - 2
        stage.deliver(stage.ended_run())
    assert breaker(stage.svc.store, "demo", "https://hook.example", stage.clock()).failures == 0


def test_that_a_slow_attempt_cannot_be_told_does_not_stop_it(stage: Stage) -> None:
    real = stage.svc.store.engine.write

    def away_for_the_breaker(move: Move) -> Any:
        if move.letter == "receiver":
            raise StoreUnavailable
        return real(move)

    stage.svc.store.engine.write = away_for_the_breaker  # type: ignore[method-assign]
    stage.wire.slow = True
    assert stage.deliver(stage.ended_run()).cb_status == "delivered"


def test_another_receiver_and_another_tenant_are_not_spared(stage: Stage) -> None:
    break_receiver(stage)
    stage.wire.plan = [OK]
    other = Bench(tenant="other", callback_url=URL)
    elsewhere = Bench(function="elsewhere", callback_url="https://other.example/")
    for bench in (other, elsewhere):
        bench.store.engine = stage.bench.store.engine
        bench.payloads, bench.clock = stage.bench.payloads, stage.clock
        head = bench.start(1)
        stage.svc.store.apply(moves.cancel(head, stage.clock()))
        assert stage.deliver(head.run_id).cb_status == "delivered"


def test_after_the_pause_one_tries_and_the_others_wait_for_what_it_finds(stage: Stage) -> None:
    break_receiver(stage)
    one, two = stage.ended_run(), stage.ended_run()
    stage.clock.step(FIRST_PAUSE_MS)
    seen_by_two: list[Head] = []

    def recovers(url: CallbackUrl, headers: Mapping[str, str], body: bytes, on_slow: Any) -> Outcome:
        seen_by_two.append(stage.deliver(two))
        return OK

    deliver(stage.svc, stage.head(one), stage.sending_by(recovers))
    assert stage.wire.sent == [] and seen_by_two[0].cb_attempt == 0
    assert stage.head(one).cb_status == "delivered"
    stage.wire.plan = [OK]
    assert stage.deliver(two).cb_status == "delivered", "it is well again"


def test_of_two_that_saw_the_pause_end_one_tries(stage: Stage) -> None:
    break_receiver(stage)
    stage.clock.step(FIRST_PAUSE_MS)
    now_ms = stage.clock()
    one, two = (breaker(stage.svc.store, "demo", "https://hook.example", now_ms) for _ in range(2))
    assert one.wait_until(now_ms) is None
    assert two.wait_until(now_ms) == now_ms + PROBE_MS


def test_while_it_keeps_failing_the_pauses_grow_to_an_hour(stage: Stage) -> None:
    break_receiver(stage)
    pauses_ms = []
    for _ in range(12):
        run_id = stage.ended_run()
        wait_until = stage.deliver(run_id).cb_due or 0
        pauses_ms.append(wait_until - stage.clock())
        stage.clock.to(wait_until)
        stage.deliver(run_id)
    assert pauses_ms == [min(FIRST_PAUSE_MS * 2**n, LAST_PAUSE_MS) for n in range(12)]
    assert len(stage.wire.sent) == 12, "one attempt a pause"


def test_a_run_whose_receiver_never_recovers_is_told_failed_when_the_schedule_would_be_over(stage: Stage) -> None:
    run_id = stage.ended_run()
    ended_ms = stage.clock()
    stage.wire.plan = [DOWN]
    while stage.head(run_id).cb_status == "pending":
        break_receiver(stage)
        assert stage.clock() - ended_ms < SPAN_MS + 2 * LAST_PAUSE_MS
        stage.deliver(run_id)
        stage.clock.to(stage.head(run_id).cb_due or 0)
    head = stage.head(run_id)
    assert head.cb_status == "failed" and head.due_at is None
    assert stage.rows(run_id)[-1]["error"] == "not sent: the receiver kept failing"


def test_a_callback_given_up_unsent_counts_as_a_try_and_starts_anew_when_it_is_sent_again() -> None:
    stage = Stage("https://10.0.0.1/")
    run_id = stage.ended_run()
    head = stage.deliver(run_id)
    assert (head.cb_status, head.cb_attempt, head.cb_due) == ("failed", 1, None)
    send_again(stage.svc, head)
    again = stage.head(run_id)
    assert (again.cb_status, again.cb_attempt, again.cb_base) == ("pending", 1, 1)
    assert stage.deliver(run_id).cb_attempt == 2
    assert [row["attempt"] for row in stage.rows(run_id)] == [1, 2]


def test_what_a_person_sends_again_goes_out_whatever_the_receiver_did(stage: Stage) -> None:
    stage.wire.plan = [OK]
    run_id = stage.ended_run()
    stage.deliver(run_id)
    break_receiver(stage)
    send_again(stage.svc, stage.head(run_id))
    stage.deliver(run_id)
    assert len(stage.wire.sent) == 1
    assert stage.head(run_id).cb_status == "pending", "it failed, and from now on waits like any other"


def test_what_is_sent_again_days_later_has_its_whole_schedule_before_it(stage: Stage) -> None:
    stage.wire.plan = [OK]
    run_id = stage.ended_run()
    stage.deliver(run_id)
    stage.clock.step(2 * SPAN_MS)
    break_receiver(stage)
    send_again(stage.svc, stage.head(run_id))
    for _ in range(3):
        head = stage.deliver(run_id)
        assert (head.cb_status, stage.rows(run_id)[-1]["error"]) != ("failed", "not sent: the receiver kept failing")
        assert head.cb_status == "pending"
        stage.clock.to(head.cb_due or 0)


@pytest.mark.parametrize("outcome", [Outcome(404, "x", 1), Outcome(302, "x", 1), Outcome(410, "x", 1)])
def test_a_wrong_url_is_not_a_receiver_in_trouble(stage: Stage, outcome: Outcome) -> None:
    stage.wire.plan = [outcome]
    for _ in range(FAILURES + 3):
        stage.deliver(stage.ended_run())
    assert len(stage.wire.sent) == FAILURES + 3


def test_a_success_in_between_forgets_the_failures_before(stage: Stage) -> None:
    for _ in range(FAILURES):
        stage.wire.plan = [DOWN]
        stage.deliver(stage.ended_run())
        stage.wire.plan = [OK]
        stage.deliver(stage.ended_run())
    assert len(stage.wire.sent) == 2 * FAILURES


def test_failures_of_yesterday_are_forgotten(stage: Stage) -> None:
    break_receiver(stage)
    stage.clock.step(25 * 3_600_000)
    for _ in range(FAILURES - 1):
        stage.deliver(stage.ended_run())
    stage.wire.plan = [OK]
    assert stage.deliver(stage.ended_run()).cb_status == "delivered", "it is at four failures, not at nine"


QUEUE = "arn:aws:sqs:us-east-1:111122223333:results"
MISSING = Outcome(400, "the queue refused it: NonExistentQueue", 5)


def test_a_queue_that_refuses_is_tried_again_as_a_url_is() -> None:
    stage = Stage(QUEUE, json.dumps({QUEUE: []}))
    run_id = stage.ended_run()
    stage.wire.plan = [MISSING, OK]
    head = stage.deliver(run_id)
    (row,) = stage.rows(run_id)
    assert (head.cb_status, row["status_code"], row["error"]) == ("pending", 400, MISSING.error)
    assert head.cb_due is not None and head.cb_due - stage.clock() == PAUSES_S[1] * 1000
    stage.clock.now_ms += 1000 * PAUSES_S[1]
    assert stage.attend(run_id) == Due.DELIVER
    assert stage.head(run_id).cb_status == "delivered"
    assert [str(url) for url, _, _ in stage.wire.sent] == [QUEUE, QUEUE]


def test_what_aws_will_never_take_ends_the_callback_with_its_reason() -> None:
    stage = Stage(QUEUE, json.dumps({QUEUE: []}))
    run_id = stage.ended_run()
    stage.wire.plan = [Outcome(400, "the queue refused it: InvalidMessageContents", 5, for_good=True)]
    head = stage.deliver(run_id)
    (row,) = stage.rows(run_id)
    assert (head.cb_status, head.due_at, row["next_at"]) == ("failed", None, None)
    assert row["error"] == "the queue refused it: InvalidMessageContents"


@pytest.mark.parametrize("targets", [{}, {QUEUE: ["another"]}])
def test_a_queue_that_is_no_longer_allowed_is_not_sent_to(targets: Any) -> None:
    stage = Stage(QUEUE, json.dumps(targets))
    run_id = stage.ended_run()
    head = stage.deliver(run_id)
    (row,) = stage.rows(run_id)
    assert (head.cb_status, stage.wire.sent) == ("failed", [])
    assert "refused: it is not the ARN of" in row["error"]


def test_the_trace_of_the_start_goes_with_the_callback() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    stage = Stage()
    run_id = stage.ended_run()
    stage.deliver(run_id)
    assert "traceparent" not in stage.wire.sent[-1][1]
    stage.bench.table.items[run_id, "head"] |= {"traceparent": trace}
    send_again(stage.svc, stage.head(run_id))
    stage.deliver(run_id)
    assert stage.wire.sent[-1][1]["traceparent"] == trace


SAID: list[tuple[Outcome, dict[str, Any]]] = [
    (OK, {"callback": "delivered", "status_code": 204, "CallbackDelivered": 1, "CallbackLatency_ms": 12}),
    (DOWN, {"callback": "pending", "status_code": 500, "error": "the receiver answered 500", "CallbackTryFailed": 1,
            "CallbackLatency_ms": 34}),
    (Outcome(410, "gone", 5), {"callback": "failed", "status_code": 410, "error": "gone", "CallbackTryFailed": 1,
                               "CallbackFailed": 1, "CallbackLatency_ms": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("outcome", "says"), SAID, ids=[says["callback"] for _, says in SAID])
def test_a_try_is_one_line_that_says_how_it_went(
    stage: Stage, lines: Any, outcome: Outcome, says: dict[str, Any]
) -> None:
    stage.wire.plan = [outcome]
    run_id = stage.ended_run()
    stage.deliver(run_id)
    (line,) = [line for line in lines.read() if line["event"] == "callback"]
    ours = {name: value for name, value in line.items() if name not in ("_aws", "stack")}
    assert ours == {"event": "callback", "run_id": run_id, "attempt": 1, "host": "hook.example"} | says

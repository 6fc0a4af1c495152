"""What a delivery hands to the network and to AWS, what it keeps and prints, and its bounds, to the letter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.callbacks import aws_targets, webhook
from chalicelib.callbacks.breaker import FAILURES, Breaker, breaker
from chalicelib.callbacks.deliver import Sender, deliver, message
from chalicelib.callbacks.deliveries import send_again
from chalicelib.callbacks.receivers import check_receiver
from chalicelib.callbacks.redelivery import SPAN_MS
from chalicelib.callbacks.urls import UrlRefused
from chalicelib.callbacks.webhook import Outcome, _calling, send
from invoke_once.life.moves.callback_moves import end_delivery, webhook_id
from tests.unit import printed
from tests.unit.callbacks.test_deliver import DOWN, OK, QUEUE, SECRETS, Stage, break_receiver

HOUR_MS = 3_600_000


@pytest.fixture
def stage() -> Stage:
    return Stage()


def lines(capsys: Any, event: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k not in ("_aws", "stack")} for line in printed.lines(capsys, event)]


def test_without_a_wire_of_its_own_a_url_is_called_and_a_queue_is_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, url, given in (
        (webhook, "https://hook.example/x?y=1", {"local", "on_slow"}),
        (aws_targets, QUEUE, {"sending"}),
    ):
        stage, called = Stage(url, json.dumps({QUEUE: []})), list[tuple[Any, ...]]()

        def sends(to: Any, headers: Any, body: Any, called: Any = called, **more: Any) -> Outcome:
            called.append((str(to), more))
            if "on_slow" in more:
                more["on_slow"]()
            return DOWN if len(called) == 1 else OK

        monkeypatch.setattr(module, "send", sends)
        stage.svc = structs.replace(stage.svc, settings=structs.replace(stage.svc.settings, local=True))
        stage.means = Sender(secrets_for=lambda _tenant, _now_ms: SECRETS)
        run_id = stage.ended_run()
        stage.deliver(run_id)
        send_again(stage.svc, stage.head(run_id))
        assert stage.deliver(run_id).cb_status == "delivered"
        assert [to for to, _ in called] == [url, url] and all(set(more) == given for _, more in called)
        if "sending" in given:
            assert [more["sending"] for _, more in called] == [0, 1]
        else:
            assert [more["local"] for _, more in called] == [True, True]


def test_a_try_that_is_given_up_unsent_is_a_row_without_a_time() -> None:
    stage = Stage("https://10.0.0.1/")
    run_id = stage.ended_run()
    stage.deliver(run_id)
    assert stage.rows(run_id) == [
        {
            "webhook_id": webhook_id(stage.head(run_id)),
            "attempt": 1,
            "at": "2027-01-15T08:00:00.000Z",
            "status_code": None,
            "error": "refused: it must not point at an address that is not public",
            "latency_ms": 0,
            "next_at": None,
        }
    ]


def test_the_newest_try_says_when_the_next_one_comes(stage: Stage) -> None:
    stage.wire.plan = [DOWN]
    run_id = stage.ended_run()
    stage.deliver(run_id)
    (row,) = stage.rows(run_id)
    assert (row["next_at"], row["latency_ms"]) == ("2027-01-15T08:00:05.000Z", 34)


def test_a_try_whose_end_is_not_taken_says_which_arm_refused_it(stage: Stage, capsys: Any) -> None:
    run_id = stage.ended_run()

    def meanwhile(*_: Any) -> Outcome:
        stage.svc.store.apply(end_delivery(stage.head(run_id), "delivered", None, "{}"))
        return OK

    deliver(stage.svc, stage.head(run_id), stage.sending_by(meanwhile))
    (line,) = lines(capsys, "callback")
    assert line["unrecorded"] and line["run_id"] == run_id


def test_one_that_waits_for_a_spared_receiver_is_told_and_comes_spread_over_a_quarter_of_its_pause(
    stage: Stage, capsys: Any
) -> None:
    break_receiver(stage)
    stage.svc = structs.replace(stage.svc, spread=lambda: 0.5)
    gate = breaker(stage.svc.store, "demo", "https://hook.example", stage.clock())
    gate._write({"closed_until": stage.clock() + HOUR_MS})
    run_id = stage.ended_run()
    capsys.readouterr()
    assert stage.deliver(run_id).cb_due == stage.clock() + HOUR_MS + HOUR_MS // 8
    told = {"event": "callback_postponed", "run_id": run_id, "host": "hook.example", "CallbackPostponed": 1}
    assert lines(capsys, "callback_postponed") == [told]


@pytest.mark.parametrize(("after_ms", "status"), [(SPAN_MS, "pending"), (SPAN_MS + 1, "failed")])
def test_a_spared_receiver_is_waited_for_as_long_as_the_schedule_would_take(
    stage: Stage, after_ms: int, status: str
) -> None:
    run_id = stage.ended_run()
    stage.clock.step(after_ms)
    break_receiver(stage)
    assert stage.deliver(run_id).cb_status == status


def test_of_a_run_sent_again_the_first_try_since_begins_its_time_and_its_end_where_that_is_lost(stage: Stage) -> None:
    run_id = stage.ended_run()
    stage.deliver(run_id)
    stage.clock.step(2 * SPAN_MS)
    send_again(stage.svc, stage.head(run_id))
    stage.wire.plan = [DOWN]
    stage.deliver(run_id)
    break_receiver(stage)
    assert stage.deliver(run_id).cb_status == "pending"
    for key in [key for key in stage.bench.table.items if key[0] == run_id and key[1].startswith("delivery#")]:
        del stage.bench.table.items[key]
    assert stage.deliver(run_id).cb_status == "failed"


def test_a_message_has_its_output_up_to_twenty_thousand_bytes_and_its_whole_error_without_it(stage: Stage) -> None:
    head = stage.head(stage.ended_run())
    bare = len(message(head, {"id": "r", "output": "", "error": None}))
    full = message(head, {"id": "r", "output": "x" * (20_000 - bare), "error": None})
    assert len(full) == 20_000 and json.loads(full)["data"]["output"]
    assert json.loads(message(head, {"id": "r", "output": "x" * (20_001 - bare), "error": None}))["data"] == {
        "id": "r", "output": None, "error": None,
    }  # fmt: skip
    error = {"type": "E", "message": "m", "trace": "t" * 4_000}
    assert json.loads(message(head, {"output": "x" * 20_000, "error": error}))["data"]["error"] == error
    wide = json.loads(message(head, {"output": None, "error": None, "labels": "x" * 20_000}))["data"]
    assert wide == {"output": None, "error": None, "labels": "x" * 20_000}
    assert full.startswith(b'{"type":"run.succeeded","timestamp":"2027-01-15T08:00:00.000Z","data":{"id":"r",')


def test_a_receiver_that_nothing_is_known_of_has_no_failures_and_is_read_cheaply(stage: Stage) -> None:
    asked: list[Any] = []
    real = stage.svc.store.engine.get

    def get(run_id: str, part: str, *, consistent: bool = True) -> Any:
        asked.append((part, consistent))
        return real(run_id, part, consistent=consistent)

    stage.svc.store.engine.get = get  # type: ignore[method-assign]
    found = breaker(stage.svc.store, "demo", "https://hook.example", stage.clock())
    assert found == Breaker(stage.svc.store, found.key, 0, 0, 0, False)
    assert asked == [("receiver", False)] and Breaker(stage.svc.store, "k").pause_ms == 0
    assert FAILURES == 5


def test_this_service_itself_is_no_receiver_and_http_is_one_at_home_alone(stage: Stage) -> None:
    settings = stage.svc.settings
    with pytest.raises(UrlRefused, match="points back at this service"):
        check_receiver(settings, "demo", "https://api.example/x", {"api.example"})
    with pytest.raises(UrlRefused, match="must begin with https://"):
        check_receiver(settings, "demo", "http://hook.example/")
    assert str(check_receiver(structs.replace(settings, local=True), "demo", "http://hook.example/"))


def test_a_network_that_is_away_is_told_in_its_own_words() -> None:
    def away(_host: str, _port: int) -> list[str]:
        raise OSError(113, "No route to host")

    url = check_receiver(Stage().svc.settings, "demo", "https://hook.example/")
    outcome = send(url, {}, b"", resolver=away)  # type: ignore[arg-type]
    assert (outcome.status_code, outcome.error) == (None, "the connection failed: No route to host")


def test_who_is_called_because_it_is_slow_has_returned_when_the_sending_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Timer:
        def __init__(self, after_s: float, what: Any) -> None:
            done.append(f"{after_s:g} {what}")

        def start(self) -> None:
            done.append("start")

        def cancel(self) -> None:
            done.append("cancel")

        def join(self) -> None:
            done.append("join")

    monkeypatch.setattr(webhook.threading, "Timer", Timer)
    with _calling("what", 2):  # type: ignore[arg-type]
        done.append("work")
    assert done == ["2 what", "start", "work", "cancel", "join"]

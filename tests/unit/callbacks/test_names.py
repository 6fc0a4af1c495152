"""Callbacks to names, with the resolver of the machine; and what is kept of callbacks for days."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chalicelib.callbacks.deliveries import deliveries, send_again
from chalicelib.callbacks.redelivery import SPAN_MS
from chalicelib.callbacks.urls import check_url
from chalicelib.callbacks.webhook import send
from invoke_once.life.moves import callback_moves
from invoke_once.store.store import Applied
from tests.receiver import Receiver
from tests.unit.runs.test_dispatch import Stage

BODY = b'{"type":"run.succeeded"}'
DAY_S = 86_400


def test_a_receiver_is_found_by_its_name() -> None:
    with Receiver() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        outcome = send(check_url(f"http://localhost:{port}/hook", local=True), {"webhook-id": "m"}, BODY, local=True)
        (hit,) = receiver.wait(1)
    assert outcome.delivered, outcome.error
    assert hit.headers["host"] == f"localhost:{port}" and hit.body == BODY


def test_a_name_that_does_not_resolve_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome = send(check_url("https://no.example/hook", local=False), {}, BODY)
    assert (outcome.status_code, outcome.error) == (None, "the name does not resolve")


def test_a_resolver_that_gives_nothing_is_a_failure() -> None:
    outcome = send(check_url("https://no.example/hook", local=False), {}, BODY, resolver=lambda *_: [])
    assert not outcome.delivered and outcome.error


def ended(stage: Stage, retention_s: int = DAY_S) -> Any:
    head = stage.fail(stage.post(callback_url="https://a.example/hook").head)
    stage.table.items[head.run_id, "head"] |= {"retention_s": retention_s, "expires_at": stage.clock() // 1000 + DAY_S}
    return stage.now(head)


def test_tries_are_kept_as_long_as_the_schedule_may_take_whatever_the_retention_is() -> None:
    stage = Stage()
    head = ended(stage)
    stage.store.put_part(callback_moves.begin_delivery(head, stage.clock()))
    (item,) = stage.table.parts(head.run_id, "delivery#")
    last_ms = stage.clock() + SPAN_MS
    result = stage.store.apply(callback_moves.end_delivery(head, "pending", last_ms, "{}"))
    assert isinstance(result, Applied)
    assert item["expires_at"] >= result.head.expires_at >= last_ms // 1000


def test_a_callback_can_be_sent_again_days_later_and_its_log_goes_on() -> None:
    stage = Stage()
    head = ended(stage, 30 * DAY_S)
    stage.table.items[head.run_id, "head"]["expires_at"] = stage.clock() // 1000 + 30 * DAY_S
    head = stage.now(head)
    stage.store.put_part(callback_moves.begin_delivery(head, stage.clock()))
    stage.store.apply(callback_moves.end_delivery(head, "delivered", None, '{"status_code": 200}'))
    stage.clock.step(10 * DAY_S * 1000)
    again = send_again(stage.svc, stage.now(head))
    assert isinstance(again, Applied)
    assert (again.head.cb_status, again.head.cb_due, again.head.cb_base) == ("pending", stage.clock(), 1)
    (row,) = deliveries(stage.svc, again.head)
    assert row["status_code"] == 200

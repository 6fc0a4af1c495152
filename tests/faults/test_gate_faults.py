"""Limits when processes die and the stream stands still: none is passed, nobody waits for ever."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from invoke_once.life import gates
from tests.faults.stack import head, invoke, make_due, stream_stopped
from tests.service import Service

pytestmark = pytest.mark.slow


def rack_of(key: str) -> str:
    return gates.rack_id(gates.of_key("demo", key), 0)


def taken(service: Service, key: str) -> list[str]:
    return [name for name in gates.SLOT_NAMES if name in head(service, rack_of(key), gates.RACK)]


def start(service: Service, function: str, value: Any, key: str, most: int, **more: Any) -> str:
    answer = service.start(function, value, key=uuid.uuid4().hex, concurrency={"key": key, "max": most}, **more)
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["id"])


def test_with_the_stream_stopped_the_sweep_hands_the_slot_on(service: Service) -> None:
    key = uuid.uuid4().hex
    with stream_stopped(service):
        first, second = (start(service, "echo", number, key, 1) for number in range(2))
        service.wait(first)
        assert service.run(second)["waiting_for"] == "concurrency"
        make_due(service, rack_of(key), part=gates.RACK)
        assert invoke(service, "sweep", {})["failed"] == 0
        assert service.wait(second)["status"] == "succeeded"
        make_due(service, rack_of(key), part=gates.RACK)
        invoke(service, "sweep", {})
        assert taken(service, key) == []

"""Limits when processes die and the stream stands still: none is passed, nobody waits for ever."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from infra.local.emulator import Emulator
from invoke_once.life import gates
from tests.faults import stack
from tests.faults.stack import bodies_run, head, invoke, kill_all, make_due, stream_stopped
from tests.service import TERMINAL, Service, until

pytestmark = pytest.mark.slow
LIMIT = 3


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


def test_with_workers_killed_a_limit_of_three_is_never_passed_and_nobody_is_left(
    service: Service, emulator: Emulator
) -> None:
    name = uuid.uuid4().hex
    values = [{"counter": f"{name}-{n}", "seconds": 60 if n < LIMIT else 0.3} for n in range(2 * LIMIT + 1)]
    ids = [start(service, "count", value, name, LIMIT) for value in values]
    killed = most = 0

    def look() -> bool:
        nonlocal most, killed
        heads = stack.heads(service, ids)
        running = [one["status"] for one in heads].count("running")
        most = max(most, running)
        if not killed and running >= LIMIT:
            killed = kill_all(service, emulator, "count")
        return all(one["status"] in TERMINAL for one in heads)

    until(look, 60, "somebody waits for ever")
    heads = stack.heads(service, ids)
    assert killed >= LIMIT
    assert [one["status"] for one in heads] == ["failed"] * LIMIT + ["succeeded"] * (LIMIT + 1)
    assert [bodies_run(service, value["counter"]) for value in values] == [1] * len(ids)
    assert most == at_once(heads) == LIMIT
    until(lambda: not taken(service, name), message="a slot stayed taken")


def at_once(heads: list[dict[str, Any]]) -> int:
    """How many ran at once at most, by their own times."""
    spans = [(int(one["started_at"]), int(one["finished_at"])) for one in heads]
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)

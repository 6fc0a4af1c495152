"""Bulk jobs whose workers are killed within a page, while the table's stream is off: the sweep alone goes on."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pytest

from infra.local.emulator import Emulator
from tests.faults import stack
from tests.faults.proxy import FaultProxy, How, behind
from tests.faults.stack import bodies_run, head, invoke, kill_all, later, make_due, stream_stopped
from tests.receiver import Receiver
from tests.service import Service, until

pytestmark = pytest.mark.slow
RUNS = 6
PASSES = How(status=200, passed=True)
STALLS = How(after_s=4)  #: the worker is dead by then
BEFORE_THE_MOVES, MOVED = 2, 3  #: the worker takes the job and notes its page; then it moves so many before it dies


class Story:
    """One job after the other on the same runs, each with a worker that is killed when it has moved some of them."""

    def __init__(self, service: Service, emulator: Emulator, network: FaultProxy, label: str) -> None:
        self.service, self.emulator, self.network, self.label = service, emulator, network, label
        self.ids: list[str] = []

    def start(self, url: str) -> None:
        more: Any = {"delay_seconds": 3600, "labels": {"story": self.label}, "callback": {"url": url}}
        for number in range(RUNS):
            answer = self.service.start("count", {"counter": f"{self.label}-{number}"}, **more)
            assert answer.status_code == 202, answer.text
            self.ids.append(answer.json()["id"])

    def job(self, action: str, **more: Any) -> dict[str, Any]:
        wanted = {"label": f"story:{self.label}", **more}
        posted = self.service.req("POST", "/bulk", json={"action": action, "filter": wanted})
        assert posted.status_code == 202, posted.text
        job = str(posted.json()["id"])
        self.network.fail("dynamodb", "UpdateItem", PASSES, times=BEFORE_THE_MOVES + MOVED, about=job)
        self.network.fail("dynamodb", "UpdateItem", STALLS, about=job)
        self._sweep(job)
        until(lambda: len(self._moved_by(job)) == MOVED, message="no run was moved")
        assert kill_all(self.service, self.emulator, "attend") >= 1
        assert len(self._moved_by(job)) == MOVED and head(self.service, job, "bulk")["status"] == "running"
        self.network.heal()
        self._sweep(job)

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.service.req("GET", f"/bulk/{job}").json()
            return found if found["status"] != "running" else None

        return until(ended, message="the job did not end")

    def _sweep(self, job: str) -> None:
        """A minute later: nobody else has the job, and it is due."""
        later(self.service, job, "bulk", "not_before", 60_000)
        make_due(self.service, job, part="bulk")
        invoke(self.service, "sweep", {})

    def _moved_by(self, job: str) -> list[str]:
        return [one["run_id"] for one in self.heads() if one.get("bulk") == job]

    def heads(self) -> list[dict[str, Any]]:
        return stack.heads(self.service, self.ids)

    def told(self, times: int) -> bool:
        """Every callback was delivered, after so many tries."""
        return all((h["cb_status"], h["cb_attempt"]) == ("delivered", str(times)) for h in self.heads())


def numbers(job: dict[str, Any]) -> tuple[str, int, int, int]:
    return job["status"], job["matched"], job["done"], job["refused"]


def test_every_run_is_cancelled_retried_and_told_again_once_though_each_worker_dies(
    service: Service, emulator: Emulator
) -> None:
    label = uuid.uuid4().hex
    with (
        Receiver() as receiver, FaultProxy(service.endpoint) as network, stream_stopped(service),
        behind(service, network, "attend"),
    ):  # fmt: skip
        story = Story(service, emulator, network, label)
        story.start(receiver.url)
        assert numbers(story.job("cancel")) == ("done", RUNS, RUNS, 0)
        assert {h["status"] for h in story.heads()} == {"cancelled"}

        assert numbers(story.job("retry", status="cancelled")) == ("done", RUNS, RUNS, 0)
        make_due(service, *story.ids)  # the worker died before it had fired what it had moved
        invoke(service, "sweep", {})
        until(lambda: {h["status"] for h in story.heads()} == {"succeeded"}, message="not all ran")
        assert [bodies_run(service, f"{label}-{n}") for n in range(RUNS)] == [1] * RUNS

        invoke(service, "attend", {"run_ids": story.ids})
        until(lambda: story.told(1), message="not all were told")
        assert numbers(story.job("resend", status="succeeded")) == ("done", RUNS, RUNS, 0)
        invoke(service, "sweep", {})
        until(lambda: story.told(2), message="not all were told again")
    told = Counter(hit.webhook_id for hit in receiver.hits if json.loads(hit.body)["type"] == "run.succeeded")
    assert sorted(told.values()) == [2] * RUNS

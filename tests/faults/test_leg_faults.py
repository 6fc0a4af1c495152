"""Legs while the processes that work for them are killed, and while the table's stream is off."""

from __future__ import annotations

import json
import os
import signal
import uuid
from contextlib import suppress

import pytest

from infra.local.emulator import Emulator
from tests.faults.stack import head, invoke, make_due, stream_stopped, workers_of
from tests.service import TERMINAL, Service, until

pytestmark = pytest.mark.slow


def test_legs_that_are_killed_go_on_from_their_newest_checkpoint_and_no_state_goes_back(
    service: Service, emulator: Emulator
) -> None:
    run_id = service.start("pages", {"pages": 16, "seconds_per_page": 0.25}, key=uuid.uuid4().hex).json()["id"]
    pages, killed = [0], set[str]()

    def look() -> bool:
        now = head(service, run_id)
        if "state" in now:
            pages.append(json.loads(now["state"][1:])["page"])
        mine = now["status"] == "running" and now.get("state_lease") == now["lease_id"]
        if mine and len(killed) < 2 and now["lease_id"] not in killed:
            killed.add(now["lease_id"])
            for pid in workers_of(service, emulator, "pages"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return now["status"] in TERMINAL

    until(look, 60, "it did not end")
    run = service.run(run_id)
    assert (run["status"], run["attempt"], run["max_attempts"]) == ("succeeded", 1, 1), run
    assert len(killed) == 2 and run["leg"] >= 2
    assert pages == sorted(pages), "a state went back"
    assert all(times >= 1 for times in run["output"]["visited"])


def test_legs_go_on_by_the_sweep_where_the_stream_is_off(service: Service) -> None:
    with stream_stopped(service):
        given = {"pages": 4, "seconds_per_page": 0.05, "sleep_after": 0}
        run_id = service.start("pages", given, key=uuid.uuid4().hex).json()["id"]
        until(lambda: head(service, run_id)["status"] == "queued" and "leg" in head(service, run_id))
        make_due(service, run_id)
        invoke(service, "sweep", {})
        run = service.wait(run_id)
    assert (run["status"], run["leg"], run["output"]["visited"]) == ("succeeded", 2, [1] * 4)

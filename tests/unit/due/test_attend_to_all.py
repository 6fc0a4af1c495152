"""Runs that one invocation of attend looks at: none waits for another, none stops another."""

from __future__ import annotations

import json
import threading

import pytest

from chalicelib.due.attend import attend_to_all
from chalicelib.service import Service
from invoke_once.life.due import Due
from invoke_once.life.head import Head
from tests.unit.runs.test_dispatch import Stage


def owing(stage: Stage, key: str) -> str:
    """A run that has failed, and whose callback is to be sent now."""
    head = stage.post(key=key, callback_url="https://example.com/hook").head
    return stage.fail(head).run_id


@pytest.mark.parametrize("how_many", [2, 10])
def test_none_waits_for_another(how_many: int) -> None:
    stage = Stage()
    run_ids = [owing(stage, f"k{n}") for n in range(how_many)]
    together = threading.Barrier(len(run_ids))

    def deliver(_svc: Service, _head: Head) -> None:
        together.wait(10)

    assert attend_to_all(stage.svc, run_ids, deliver) == dict.fromkeys(run_ids, Due.DELIVER)


@pytest.mark.parametrize("others", [0, 2])
def test_one_that_raises_is_told_and_stops_no_other(others: int, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    run_ids = [owing(stage, f"k{n}") for n in range(1 + others)]

    def deliver(_svc: Service, head: Head) -> None:
        if head.run_id == run_ids[0]:
            raise OSError

    did = attend_to_all(stage.svc, run_ids, deliver)
    assert did == {run_ids[0]: None} | dict.fromkeys(run_ids[1:], Due.DELIVER)
    (told,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"attend_failed"' in line]
    assert (told["run_id"], told["AttendFailed"], told["reason"]) == (run_ids[0], 1, "OSError")

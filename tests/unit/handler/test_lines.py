"""What an attempt prints: which run and attempt, why, and what proves that the line is its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from invoke_once.errors import StoreUnavailable
from invoke_once.handler.outcomes import raised, returned
from invoke_once.store.payloads import Payloads
from tests.unit.handler.test_attempt import Work


@pytest.fixture
def work() -> Work:
    return Work({"max_attempts": 2})


class Unkept:
    """S3 is away for checkpoints."""

    def put(self, key: str, data: bytes) -> None:
        raise StoreUnavailable("S3 is away", "ServiceUnavailable")


def _late_progress(work: Work) -> None:
    work.table.plan = ["away"]
    work.attempt.progress(0.5)


def _late_outcome(work: Work) -> None:
    work.table.plan = ["away"]
    work.attempt.settle(returned(1))


def _late_checkpoint(work: Work) -> None:
    work.attempt._runtime = work.runtime._replace(payloads=Payloads(work.store, Unkept()))  # type: ignore[arg-type]
    work.attempt.checkpoint("".join(f"{n * n * 7919:x}" for n in range(4_000)))
    work.attempt.settle(raised(ValueError("no")))


def _refused_outcome(work: Work) -> None:
    work.take_over()
    work.attempt.settle(returned(1))


def _failed(work: Work) -> None:
    work.attempt.settle(raised(ValueError("no")))


def _ended_process(work: Work) -> None:
    work.attempt._runtime = work.runtime._replace(end_process=lambda _code: None)
    work.attempt.run_out(60)


SAID: list[tuple[Callable[[Work], None], str, dict[str, Any]]] = [
    (_late_progress, "progress_not_told", {"reason": "away"}),
    (_late_outcome, "outcome_delayed", {"reason": "away"}),
    (_late_checkpoint, "checkpoint_not_kept", {"reason": "S3 is away"}),
    (_refused_outcome, "outcome_refused",
     {"attempt": 1, "outcome": "succeeded", "winner": "running", "because": ["my attempt", "my lease"],
      "OutcomesRefused": 1}),
    (_failed, "attempt_failed",
     {"level": "ERROR", "function": "test", "error_type": "ValueError", "message": "no",
      "trace": "ValueError: no\n"}),
    (_failed, "attempt_ended",
     {"function": "test", "outcome": "failed", "run_status": "queued", "error_type": "ValueError",
      "attempt_ms": 0, "Ended_queued": 1}),
    (_ended_process, "process_ended", {"reason": "timed out"}),
]  # fmt: skip
CLAIMED = ("outcome_refused", "attempt_failed", "attempt_ended")  #: lines that prove themselves


@pytest.mark.parametrize(("do", "event", "says"), SAID, ids=[event for _, event, _ in SAID])
def test_each_line_of_an_attempt_says_which_and_why(
    work: Work, capsys: pytest.CaptureFixture[str], do: Callable[[Work], None], event: str, says: dict[str, Any]
) -> None:
    do(work)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    line = next(line for line in lines if line["event"] == event)
    says = {"run_id": work.head.run_id, "attempt": 1} | says
    says |= {"claim": work.head.claim_token} if event in CLAIMED else {}
    assert {name: line.get(name) for name in says} == says


def test_the_end_of_an_attempt_waits_ten_seconds_for_where_its_checkpoint_goes(work: Work) -> None:
    _late_checkpoint(work)
    assert 10 <= sum(work.slept) < 10 + 5 * 1.5  # and the last pause
    assert work.now().status == "queued"

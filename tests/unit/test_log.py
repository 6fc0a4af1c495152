"""Log lines: JSON that people read, with metrics that CloudWatch takes out of them."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from invoke_once import log


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)  # type: ignore[no-any-return]


def test_a_line_tells_what_happened_and_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("claimed", run_id="run_a", attempt=2, reason=None)
    assert printed(capsys) == {"event": "claimed", "run_id": "run_a", "attempt": 2}


def test_metrics_are_in_the_embedded_metric_format(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONCE_STACK", "invoke-once-prod")
    log.event("swept", metrics={"Sweeps": 1, "oldest_due_ms": 12.5})
    line = printed(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "invoke-once" and directive["Dimensions"] == [["stack"]]
    assert directive["Metrics"] == [
        {"Name": "Sweeps", "Unit": "Count"},
        {"Name": "oldest_due_ms", "Unit": "Milliseconds"},
    ]
    assert (line["stack"], line["Sweeps"], line["oldest_due_ms"]) == ("invoke-once-prod", 1, 12.5)
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert abs(line["_aws"]["Timestamp"] - time.time() * 1000) < 3_600_000  # milliseconds, as CloudWatch reads it
    assert set(line) == {"event", "Sweeps", "oldest_due_ms", "stack", "_aws"}
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}


def test_a_function_outside_the_stack_is_counted_with_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONCE_STACK", raising=False)
    monkeypatch.setenv("ONCE_RUNS_TABLE", "invoke-once-prod-runs")
    log.event("claimed", metrics={"Claimed": 1})
    assert printed(capsys)["stack"] == "invoke-once-prod"


def test_a_process_that_knows_no_stack_counts_as_local(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONCE_STACK", raising=False)
    monkeypatch.delenv("ONCE_RUNS_TABLE", raising=False)
    log.event("claimed", metrics={"Claimed": 1})
    assert printed(capsys)["stack"] == "local"


def test_a_line_is_compact_and_writes_what_json_has_no_word_for_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("odd", where=Path("/tmp/x"), many=[1, 2])
    assert capsys.readouterr().out == '{"event":"odd","where":"/tmp/x","many":[1,2]}\n'


def test_a_line_that_cannot_be_written_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    class Mute:
        def __str__(self) -> str:
            raise ValueError("no words")

    log.event("odd", value=Mute())
    assert capsys.readouterr() == ("", "")


def test_a_line_is_out_before_lambda_freezes_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    log.event("claimed")
    assert written.getvalue() == b'{"event":"claimed"}\n'


def test_where_a_handler_has_closed_standard_output_the_line_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed, errors = io.StringIO(), io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", errors)
    log.event("claimed")
    assert errors.getvalue() == '{"event":"claimed"}\n'
    errors.close()
    log.event("claimed")  # neither takes it: it is dropped

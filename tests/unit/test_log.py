"""Log lines: JSON that people read, with metrics that CloudWatch takes out of them."""

from __future__ import annotations

import json
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
    assert directive["Namespace"] == log.NAMESPACE and directive["Dimensions"] == [["stack"]]
    assert directive["Metrics"] == [
        {"Name": "Sweeps", "Unit": "Count"},
        {"Name": "oldest_due_ms", "Unit": "Milliseconds"},
    ]
    assert (line["stack"], line["Sweeps"], line["oldest_due_ms"]) == ("invoke-once-prod", 1, 12.5)
    assert isinstance(line["_aws"]["Timestamp"], int)


def test_a_function_outside_the_stack_is_counted_with_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONCE_STACK", raising=False)
    monkeypatch.setenv("ONCE_RUNS_TABLE", "invoke-once-prod-runs")
    log.event("claimed", metrics={"Claimed": 1})
    assert printed(capsys)["stack"] == "invoke-once-prod"

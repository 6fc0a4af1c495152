"""One JSON line an event, on standard output: what happened, to which run and attempt. Never a payload or a secret,
but a handler's own error, as Lambda prints it too. A line that cannot be written is dropped: it must not cost a run.

Lines that count something carry their metrics in CloudWatch's embedded metric format
(CloudWatch User Guide, "Specification: Embedded metric format"), so that no call is spent on them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

NAMESPACE = "invoke-once"
_text = json.JSONEncoder(default=str, separators=(",", ":")).encode


def event(what: str, *, metrics: Mapping[str, float] | None = None, **fields: Any) -> None:
    """Print `what` with its fields; `metrics` are counted per stack."""
    line: dict[str, Any] = {"event": what, **{k: v for k, v in fields.items() if v is not None}}
    if metrics:
        line |= metrics
        line |= {"stack": _stack(), "_aws": _metric_block(metrics)}
    _write(line)


def _write(line: Mapping[str, Any]) -> None:
    """To standard output; where a handler has closed it, to standard error, which Lambda logs as well."""
    try:
        text = _text(line)
    except Exception:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            print(text, file=stream, flush=True)
        except Exception:
            continue
        return


def _stack() -> str:
    """Whose metrics these are. A function outside the stack knows the runs table alone, which is STACK-runs."""
    return os.environ.get("ONCE_STACK") or os.environ.get("ONCE_RUNS_TABLE", "local").removesuffix("-runs")


def _metric_block(metrics: Mapping[str, float]) -> dict[str, Any]:
    units = [{"Name": name, "Unit": "Milliseconds" if name.endswith("_ms") else "Count"} for name in metrics]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["stack"]], "Metrics": units}
    return {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}

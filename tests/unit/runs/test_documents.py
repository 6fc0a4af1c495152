"""What a run's document shows to whom."""

from __future__ import annotations

import json

from chalicelib.runs.documents import run_document, run_json
from tests.unit.runs.test_dispatch import Stage

HIDDEN = {"idempotency_key", "labels", "error", "callback", "checkpoint", "batch", "traceparent", "links"}


def test_a_link_shows_how_the_run_is_and_nothing_that_its_caller_said() -> None:
    stage = Stage()
    head = stage.post(key="a", labels={"customer": "17"}, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01").head
    whole, shown = run_document(stage.svc, head), json.loads(run_json(stage.svc, head, for_link=True))
    assert set(shown) == set(whole)
    assert {name for name in whole if name in shown and shown[name] == whole[name] is not None} >= {
        "id", "function", "status", "attempt", "max_attempts", "leg", "created_at", "expires_at", "cancel_requested",
        "waiting_for",
    }  # fmt: skip
    for name in HIDDEN & set(whole) - {"links"}:
        assert not shown[name], name
    assert "deliveries" not in shown["links"]

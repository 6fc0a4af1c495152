"""What a run's document shows to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.runs.documents import etag, retry_after_s, rfc3339, run_document, run_json
from invoke_once.life.head import Head
from invoke_once.store.payloads import error_fields
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


NOW = 1_800_000_000_000
EVERYTHING = Head(
    "run_a", "demo", "echo", "queued", "g", NOW, NOW // 1000 + 90, NOW + 9_000, key="k", attempt=5, max_attempts=6,
    legs=2, leg=3, between_legs=True, progress=0.5, message="half", not_before=NOW + 7_000, started_at=NOW + 1,
    attempt_started_at=NOW + 2, finished_at=NOW + 3, cancel_requested=True, cancelled_by="tok_a", labels='{"a":"b"}',
    error=error_fields("ValueError", "no", "the trace"), state=b"\x00[1]", state_seq=4, state_size=3, state_at=NOW + 4,
    state_leg=2, output=b"\x00[1, 2]", output_size=6, batch="batch_a", batch_index=7, cb_attempt=2, cb_status="failed",
    callback_url="https://example.com/hook", queue_ms=2_000,
)  # fmt: skip
DOCUMENT = {
    "id": "run_a", "function": "echo", "status": "queued", "idempotency_key": "k", "attempt": 4, "max_attempts": 4,
    "leg": 3, "progress": {"fraction": 0.5, "message": "half"},
    "checkpoint": {"at": "2027-01-15T08:00:00.004Z", "leg": 2, "size": 3, "state": [1]},
    "error": {"type": "ValueError", "message": "no", "trace": "the trace"}, "labels": {"a": "b"},
    "created_at": "2027-01-15T08:00:00.000Z", "started_at": "2027-01-15T08:00:00.001Z",
    "attempt_started_at": "2027-01-15T08:00:00.002Z", "next_attempt_at": "2027-01-15T08:00:07.000Z",
    "waiting_for": "continue", "finished_at": "2027-01-15T08:00:00.003Z", "expires_at": "2027-01-15T08:01:30.000Z",
    "cancel_requested": True, "cancelled_by": "tok_a", "batch": {"id": "batch_a", "index": 7},
    "callback": {"url": "https://example.com/hook", "status": "failed", "attempts": 2}, "output": [1, 2],
    "links": {"self": "/b/run_a"} | {part: f"/b/run_a/{part}" for part in
              ("input", "logs", "cancel", "retry", "output", "checkpoint", "deliveries")},
}  # fmt: skip
ABSENT: list[tuple[str, dict[str, Any], Any]] = [
    ("progress", {"progress": None, "message": None}, None),
    ("progress", {"progress": None}, {"fraction": None, "message": "half"}),
    ("progress", {"message": None}, {"fraction": 0.5, "message": None}),
    ("checkpoint", {"state_seq": None}, None),
    ("checkpoint", {"state": None}, {"at": "2027-01-15T08:00:00.004Z", "leg": 2, "size": 3}),
    ("error", {"error": None}, None),
    ("labels", {"labels": None}, {}),
    ("batch", {"batch": None}, None),
    ("batch", {"batch_index": None}, {"id": "batch_a", "index": 0}),
    ("callback", {"callback_url": None}, None),
    ("callback", {"cb_status": None}, DOCUMENT["callback"] | {"status": "pending"}),  # type: ignore[operator]
    ("output", {"output": None}, None),
    ("output", {"output_size": 16_384}, [1, 2]),
    ("output", {"output_size": 16_385}, None),
    ("waiting_for", {"queue_until": NOW + 9_001}, "continue"),
    ("waiting_for", {"queue_until": NOW + 8_999}, "dispatch"),
    ("attempt", {"between_legs": False}, 3),
    ("started_at", {"started_at": None}, None),
]


def test_a_document_says_everything_of_its_run() -> None:
    assert run_document(Stage().svc, EVERYTHING, "/b/") == DOCUMENT
    text = run_json(Stage().svc, EVERYTHING, "/b/")
    assert json.loads(text) == DOCUMENT
    assert text.endswith('"output":[1, 2]}') and '"id":"run_a","function"' in text


@pytest.mark.parametrize(("field", "lacks", "told"), ABSENT)
def test_what_a_run_lacks_is_absent_in_its_place(field: str, lacks: dict[str, Any], told: Any) -> None:
    assert run_document(Stage().svc, replace(EVERYTHING, **lacks))[field] == told


@pytest.mark.parametrize(
    ("lacks", "link"), [({"output_size": None}, "output"), ({"state_seq": None}, "checkpoint"),
                        ({"callback_url": None}, "deliveries")]
)  # fmt: skip
def test_a_link_leads_to_what_is_there(lacks: dict[str, Any], link: str) -> None:
    assert link not in run_document(Stage().svc, replace(EVERYTHING, **lacks))["links"]


def test_a_documents_text_is_compact_and_has_no_state_that_no_text_can_show() -> None:
    svc = Stage().svc
    head = replace(EVERYTHING, message="hälf", batch_index=0)
    text = run_json(svc, head, "/b/")
    assert '"progress":{"fraction":0.5,"message":"hälf"}' in text and '"batch":{"id":"batch_a","index":0}' in text
    shown = run_document(svc, replace(head, state=b'\x00["\\ud83d\\ude00"]'))["checkpoint"]
    assert shown["state"] == ["\U0001f600"]
    assert "state" not in run_document(svc, replace(head, state=b'\x00["\\ud83d"]'))["checkpoint"]


def test_an_error_is_shown_to_a_link_without_its_frames() -> None:
    shown = json.loads(run_json(Stage().svc, EVERYTHING, for_link=True))
    assert shown["error"] == {"type": "ValueError", "message": "no", "trace": None}
    assert shown["output"] == [1, 2] and set(shown["links"]) == set(DOCUMENT["links"]) - {"deliveries"}  # type: ignore[call-overload]


def test_a_link_shows_these_members_and_no_others() -> None:
    shown = json.loads(run_json(Stage().svc, EVERYTHING, for_link=True))
    assert {name for name, value in shown.items() if value not in (None, {})} == {
        "id", "function", "status", "attempt", "max_attempts", "leg", "progress", "created_at", "started_at",
        "attempt_started_at", "next_attempt_at", "waiting_for", "finished_at", "expires_at", "cancel_requested",
        "error", "output", "links",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("head", "after_ms", "seconds"),
    [
        ({"not_before": NOW + 1}, 0, 1), ({"not_before": NOW + 2_001}, 0, 3), ({"not_before": NOW + 61_000}, 0, 60),
        ({"not_before": NOW}, 0, 1), ({"not_before": NOW, "attempt_started_at": NOW - 100_000}, 0, 5),
        ({"not_before": NOW + 9_000, "wait_shard": "gate_k1#0"}, 0, 1),
        ({}, 9_999, 1), ({}, 10_000, 2), ({}, 29_999, 2), ({}, 30_000, 5), ({}, 179_999, 5), ({}, 180_000, 10),
        ({"attempt_started_at": NOW + 100_000}, 109_999, 1),
    ],
)  # fmt: skip
def test_when_to_look_again(head: dict[str, Any], after_ms: int, seconds: int) -> None:
    assert retry_after_s(Head("run_a", "demo", "echo", "queued", "g", NOW, 1, 1, **head), NOW + after_ms) == seconds


def test_a_state_of_a_document_has_a_name() -> None:
    assert etag("{}") == 'W/"44136fa355b3678a1146ad16"'
    assert (rfc3339(None), rfc3339(0)) == (None, "1970-01-01T00:00:00.000Z")

"""What is shown of a batch: its document, pages of its runs and of their results, as they are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.batches import documents, pages
from chalicelib.batches.records import run_id
from invoke_once.life.batch import Batch
from invoke_once.life.head import Head
from invoke_once.store.payloads import error_fields, sha
from tests.unit.batches.noted import Noted

BATCH = Batch(
    "batch_a", "demo", "echo", "failed", "g", created_at=1_800_000_000_000, expires_at=1_800_086_400, queue_until=0,
    key="k", total=3, labels='{"a":"1"}', max_running=2, cancel_requested=True, cancelled_by="tok_a",
    finished_at=1_800_000_005_000, counts='{"waiting":0,"succeeded":2,"failed":1}',
    callback_url="https://example.com/hook", cb_status="delivered", cb_attempt=4,
)  # fmt: skip
LINKS = {"self": "/batches/batch_a"} | {
    part: f"/batches/batch_a/{part}" for part in ("runs", "results", "cancel", "retry")
}
COUNTS = {
    "total": 3, "waiting": 0, "running": 0, "succeeded": 2, "failed": 1, "timed_out": 0, "cancelled": 0, "expired": 0,
}  # fmt: skip
WHOLE = {
    "id": "batch_a", "function": "echo", "status": "failed", "idempotency_key": "k", "counts": COUNTS,
    "labels": {"a": "1"}, "max_running": 2, "cancel_requested": True, "cancelled_by": "tok_a",
    "created_at": "2027-01-15T08:00:00.000Z", "finished_at": "2027-01-15T08:00:05.000Z",
    "expires_at": "2027-01-16T08:00:00.000Z",
    "callback": {"url": "https://example.com/hook", "status": "delivered", "attempts": 4},
    "links": LINKS | {"deliveries": "/batches/batch_a/deliveries"},
}  # fmt: skip


def test_a_batch_is_shown_as_this_document_and_without_what_is_for_a_token_by_a_link() -> None:
    assert documents.document(BATCH) == WHOLE
    assert documents.for_link(WHOLE) == WHOLE | {
        "idempotency_key": None, "labels": {}, "max_running": None, "cancelled_by": None, "callback": None,
        "links": LINKS,
    }  # fmt: skip
    svc = Noted(1).svc
    assert documents.batch_document(svc, BATCH) == WHOLE
    assert documents.batch_document(svc, BATCH, "/v1/batches/")["links"]["self"] == "/v1/batches/batch_a"
    with pytest.raises(AssertionError):
        documents.batch_document(svc, Head("run_a", "demo", "echo", "failed", "g", 1, 2, 3))


def test_a_batch_that_has_just_begun_waits_with_all_its_runs() -> None:
    batch = Batch("batch_b", "demo", "echo", "running", "g", 1_800_000_000_000, 1_800_086_400, 0, total=7)
    here = "/batches/batch_b"
    assert documents.document(batch) == {
        "id": "batch_b", "function": "echo", "status": "running", "idempotency_key": None,
        "counts": {"total": 7, "waiting": 7} | dict.fromkeys(list(COUNTS)[2:], 0), "labels": {}, "max_running": None,
        "cancel_requested": False, "cancelled_by": None, "created_at": "2027-01-15T08:00:00.000Z", "finished_at": None,
        "expires_at": "2027-01-16T08:00:00.000Z", "callback": None,
        "links": {"self": here, **{part: f"{here}/{part}" for part in ("runs", "results", "cancel", "retry")}},
    }  # fmt: skip
    batch.callback_url = "https://example.com/hook"
    told = documents.document(batch)["callback"]
    assert told == {"url": "https://example.com/hook", "status": "pending", "attempts": 0}


def results(world: Noted, begin: int = 0, limit: int = 100, **more: Any) -> tuple[list[Any], int | None]:
    page = pages.results(world.svc, world.now, begin, limit, "/runs/", **more)
    return [json.loads(text) for text in page.texts], page.next_index


def every_kind() -> Noted:
    world = Noted(7)
    failed = error_fields("ValueError", "über", "line 1")
    world.run(0, "succeeded", output=b"\0[1, 2]", output_size=6)
    world.run(1, "failed", error=failed)
    world.run(2, "queued", error=failed)  # it waits for its next attempt
    world.run(3, "succeeded", output=b"\0[3]", output_size=16_385)
    world.run(4, "succeeded", output=b"\0[4]", output_size=16_384)
    world.run(5, "succeeded", output_ref="s3:x")
    return world


def test_each_result_is_this_text_in_the_order_of_the_items() -> None:
    world = every_kind()
    ids = [run_id(world.now, index) for index in range(7)]
    page = pages.results(world.svc, world.now, 0, 2, "/runs/")
    assert page == pages.Page(
        [
            f'{{"index":0,"run_id":"{ids[0]}","status":"succeeded","error":null,"output":[1, 2]}}',
            f'{{"index":1,"run_id":"{ids[1]}","status":"failed",'
            '"error":{"type":"ValueError","message":"über","trace":"line 1"}}',
        ],
        2,
    )
    named = [{"index": n, "run_id": ids[n], "error": None} for n in range(7)]
    assert results(world, 2) == (
        [
            named[2] | {"status": "queued"},
            named[3] | {"status": "succeeded", "links": {"output": f"/runs/{ids[3]}/output"}},
            named[4] | {"status": "succeeded", "output": [4]},
            named[5] | {"status": "succeeded", "links": {"output": f"/runs/{ids[5]}/output"}},
            named[6] | {"status": "scheduled"},
        ],
        None,
    )
    assert world.indexes() == [[0, 1], [2, 3, 4, 5, 6]]


def test_a_link_shows_no_trace_in_a_result() -> None:
    world = every_kind()
    shown, _ = results(world, 0, 3, for_link=True)
    assert [result["error"] for result in shown] == [
        None, {"type": "ValueError", "message": "über", "trace": None}, None,
    ]  # fmt: skip


def test_a_page_of_results_ends_when_it_is_full_by_number_or_by_size(monkeypatch: Any) -> None:
    assert (pages.MAX_PAGE_BYTES, pages.MAX_EXAMINED) == (3_145_728, 1_000)
    world = Noted(4)
    one = len(pages.results(world.svc, world.now, 0, 1, "").texts[0])
    for most, last in ((2 * one - 1, 1), (2 * one, 1), (2 * one + 1, 2), (4 * one, 3)):
        monkeypatch.setattr(pages, "MAX_PAGE_BYTES", most)
        page = pages.results(world.svc, world.now, 0, 100, "")
        assert [json.loads(text)["index"] for text in page.texts] == list(range(last + 1))
        assert page.next_index == (last + 1 if last < 3 else None)
    assert results(world, 1, 2)[1] == 3 and results(world, 1, 3)[1] is None


def runs(
    world: Noted, begin: int, limit: int, statuses: tuple[str, ...] = (), matches: Any = lambda head: True
) -> tuple[list[int], int | None]:
    """The indexes that a page shows, and where the next one begins. What is asked is noted."""
    world.forget()
    page = pages.runs(world.svc, world.now, begin, limit, matches, statuses, lambda head: str(head.batch_index))
    return [int(text) for text in page.texts], page.next_index


def test_runs_are_read_as_many_as_are_shown_and_at_most_a_hundred_at_once() -> None:
    world = Noted(250)
    for index in (0, 1, 3, 4, 120, 249):
        world.run(index, "queued")
    assert runs(world, 0, 2) == ([0, 1], 2) and world.indexes() == [[0, 1]]
    assert runs(world, 2, 2) == ([3, 4], 5) and world.indexes() == [[2, 3], [4, 5]]
    assert runs(world, 1, 101) == ([1, 3, 4, 120, 249], None)
    assert world.indexes() == [[*range(1, 101)], [*range(101, 201)], [*range(201, 250)]]
    assert runs(world, 0, 100, matches=lambda head: head.batch_index > 3) == ([4, 120, 249], None)
    assert runs(world, 249, 1) == ([249], None)


def test_a_page_of_runs_ends_when_it_is_full_by_size(monkeypatch: Any) -> None:
    world = Noted(3)
    for index in range(3):
        world.run(index, "queued")
    for most, shown, following in ((1, [0], 1), (2, [0, 1], 2), (3, [0, 1, 2], None)):
        monkeypatch.setattr(pages, "MAX_PAGE_BYTES", most)
        assert runs(world, 0, 100) == (shown, following)


def test_a_page_of_runs_is_cut_off_where_a_thousand_were_looked_at() -> None:
    assert runs(Noted(1_001), 0, 100) == ([], 1_000)
    for total, begin in ((1_000, 0), (1_050, 50)):
        assert runs(Noted(total), begin, 100) == ([], None)
    assert runs(Noted(1_150), 50, 100) == ([], 1_050)


def test_chunks_whose_letters_say_that_nothing_matches_are_not_read() -> None:
    world = Noted(320)
    world.chunk(0, letters="s" * 100)
    world.chunk(1, letters="f" + "s" * 50 + "-" * 49)
    world.chunk(2, at=1)
    for index in (0, 100, 160, 310):
        world.run(index, "failed")
    assert runs(world, 1, 100, ("failed",)) == ([100, 160, 310], None)
    assert world.indexes() == [[100, *range(151, 200)], [*range(200, 300)], [*range(300, 320)]]
    assert runs(world, 155, 2, ("failed", "succeeded")) == ([160, 310], 311)
    assert world.indexes()[0] == [*range(155, 200)]
    assert runs(world, 0, 100, ("succeeded",)) == ([0, 160, 310], None)
    assert world.indexes()[:2] == [[*range(100)], [*range(101, 200)]]


def test_a_page_that_is_cut_off_among_letters_goes_on_after_the_last_run_it_looked_at() -> None:
    for total, following in ((1_150, 1_100), (1_101, 1_100), (1_100, None)):
        world = Noted(total)
        world.chunk(0, letters="f" * 50 + "s" * 50)
        assert runs(world, 0, 100, ("failed",)) == ([], following)
        assert sum(map(len, world.indexes())) == 1_050
    world.chunk(0, letters="f" * 49 + "s" * 51)
    world.chunk(10, letters="f" * 51 + "s" * 49)
    assert runs(world, 0, 100, ("failed",)) == ([], 1_051)


def test_an_output_of_its_own_is_named_and_not_read() -> None:
    world = Noted(1)
    head = world.run(0, "succeeded", output=b"\0[1]", output_size=3, output_sha=sha(b"[1]"))
    assert results(world)[0][0]["output"] == [1] and head.output_sha is not None

"""The moves of a bulk job, and what runs keep of it, on the in-memory engine and the real table alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from invoke_once.life import moves
from invoke_once.life.bulk import Bulk, BulkStatus, Counts, Pin
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import bulk_moves, callback_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from tests.contract.conftest import NOW

Begin = Callable[..., Head]
_keys = itertools.count()
PINS = [Pin("run_a", "g"), Pin("run_b", "h")]


def made(store: Store, move: Move) -> Bulk:
    outcome = store.put_part(move)
    assert isinstance(outcome, Written), outcome
    return Bulk.from_item(outcome.item)


def refused(store: Store, move: Move) -> None:
    assert isinstance(store.put_part(move), Unwritten)


@pytest.fixture
def asked(store: Store, tenant: str) -> Bulk:
    new = bulk_moves.NewBulk(
        tenant, f"bulk-{next(_keys)}", '{"action":"retry","filter":{"status":"failed"},"dry_run":false}'
    )
    return made(store, bulk_moves.start_bulk(new, NOW, NOW + 1_000))


@pytest.fixture
def taken(store: Store, asked: Bulk) -> Bulk:
    return made(store, bulk_moves.take_bulk(asked, NOW + 1_000))


def test_a_key_begins_one_job(store: Store, asked: Bulk) -> None:
    assert (asked.status, asked.counted, asked.pins, asked.at_end) == ("running", Counts(), [], False)
    assert asked.due_at == asked.not_before == NOW + 1_000
    refused(store, bulk_moves.start_bulk(bulk_moves.NewBulk(asked.tenant, asked.key or "", "{}"), NOW, NOW))


def test_one_worker_has_it_and_another_takes_it_over_when_its_time_has_passed(store: Store, asked: Bulk) -> None:
    first = made(store, bulk_moves.take_bulk(asked, NOW + 1_000))
    refused(store, bulk_moves.take_bulk(asked, NOW + 1_000))
    assert first.not_before == first.due_at == NOW + 1_000 + bulk_moves.LEASE_MS
    second = made(store, bulk_moves.take_bulk(first, NOW + 1_000 + bulk_moves.LEASE_MS))
    assert (second.attempt, second.token != first.token) == (2, True)
    refused(store, bulk_moves.next_page(first, Counts(1, 1), (), "[1,{}]"))
    refused(store, bulk_moves.end_bulk(first, NOW, BulkStatus.DONE, Counts()))


def test_a_page_is_noted_with_what_became_of_the_one_before(store: Store, taken: Bulk) -> None:
    noted = made(store, bulk_moves.next_page(taken, Counts(2, 0, 0), PINS, "[7,{}]"))
    assert (noted.pins, noted.counted, noted.position, noted.step) == (PINS, Counts(2, 0, 0), "[7,{}]", 1)
    assert noted.not_before == taken.not_before  # an index entry that stays costs nothing
    last = made(store, bulk_moves.next_page(noted, Counts(2, 1, 1), (), "null", release_ms=NOW + 9_000))
    assert (last.pins, last.counted, last.at_end, last.not_before) == ([], Counts(2, 1, 1), True, NOW + 9_000)
    refused(store, bulk_moves.next_page(taken, Counts(2, 0, 0), PINS, "[7,{}]"))  # a late copy
    assert (last.attempt, made(store, bulk_moves.take_bulk(last, NOW + 9_000)).attempt) == (0, 1)


def test_a_page_whose_answer_was_lost_is_known_again(store: Store, taken: Bulk) -> None:
    move = bulk_moves.next_page(taken, Counts(2), PINS, "null")
    first, again = made(store, move), made(store, move)
    assert first == again


def test_it_ends_once_and_leaves_the_index(store: Store, taken: Bulk) -> None:
    done = made(store, bulk_moves.end_bulk(taken, NOW + 5_000, BulkStatus.DONE, Counts(1, 1, 0)))
    assert (done.status, done.due_at, done.due_shard, done.not_before) == ("done", None, None, None)
    assert done.expires_at == NOW // 1000 + 5 + bulk_moves.KEPT_S
    refused(store, bulk_moves.end_bulk(taken, NOW + 6_000, BulkStatus.STOPPED, Counts()))
    refused(store, bulk_moves.stop_bulk(taken))
    refused(store, bulk_moves.take_bulk(taken, NOW + 10**9))


def test_a_stop_is_seen_with_the_next_write(store: Store, taken: Bulk) -> None:
    made(store, bulk_moves.stop_bulk(taken))
    assert made(store, bulk_moves.next_page(taken, Counts(2), PINS, "null")).cancel_requested


def by(job: str) -> dict[str, Callable[[Head], Move]]:
    """What a job asks of a run, by the run's state."""
    return {
        "queued": lambda head: moves.cancel(head, NOW, bulk=job),
        "running": lambda head: moves.request_cancel(head, bulk=job),
        "failed": lambda head: moves.redrive(head, NOW, bulk=job),
        "told": lambda head: callback_moves.send_again(head, NOW, job),
    }


@pytest.mark.parametrize("state", ["queued", "running", "failed", "told"])
def test_a_job_moves_a_run_once_and_another_job_may_do_it_again(store: Store, begin: Begin, state: str) -> None:
    head = in_state(store, begin, state, callback_url="https://x/")
    moved = store.apply(by("bulk_a")[state](head))
    assert isinstance(moved, Applied) and moved.head.bulk == "bulk_a"
    other = in_state(store, begin, state, callback_url="https://x/")
    seen = replace(other, bulk="bulk_a")  # as a worker that is late has read it
    store.apply(by("bulk_a")[state](other))
    again = in_state_of(store, other, state)
    second = store.apply(by("bulk_a")[state](replace(seen, generation=again.generation, attempt=again.attempt)))
    assert isinstance(second, Refused) and "not by this one before" in second.arms
    assert second.head is not None and second.head.bulk == "bulk_a"


def in_state(store: Store, begin: Begin, state: str, **more: object) -> Head:
    head = begin(**more)
    if state == "queued":
        return head
    claimed = store.apply(moves.claim(head.run_id, head.generation, NOW, 60_000)).head
    assert claimed is not None
    return claimed if state == "running" else _failed(store, claimed)


def in_state_of(store: Store, head: Head, state: str) -> Head:
    """The same run, back in the state in which it was before the job moved it."""
    now = store.get(head.run_id, NOW)
    assert now is not None
    if state == "queued":
        now = store.apply(moves.redrive(now, NOW)).head or now
    if state == "failed":
        claimed = store.apply(moves.claim(now.run_id, now.generation, NOW, 60_000)).head
        assert claimed is not None
        now = _failed(store, claimed)
    assert now.bulk == "bulk_a"  # whoever moved it since
    return now


def _failed(store: Store, head: Head) -> Head:
    ended = store.apply(moves.finish(moves.fence(head), head, Status.FAILED, NOW, {"error": b"\x00{}"}, "t")).head
    assert ended is not None
    return ended

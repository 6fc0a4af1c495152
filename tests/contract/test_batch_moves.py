"""The moves of a batch, on the in-memory engine and the real table alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from invoke_once.life import moves
from invoke_once.life.batch import Batch, chunk_part
from invoke_once.life.move import Move
from invoke_once.life.moves import batch_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from tests.contract.conftest import NOW

FAILED = {"total": 3, "failed": 1, "succeeded": 2}


@pytest.fixture
def begun(store: Store, tenant: str) -> Batch:
    new = batch_moves.NewBatch(tenant, "echo", "k", 3, moves.new_token(), "s3:echo/in/x", 10, callback_url="https://x/")
    return made(store, batch_moves.start_batch(new, NOW, 20_000))


def made(store: Store, move: Move) -> Batch:
    outcome = store.put_part(move)
    assert isinstance(outcome, Written), outcome
    return Batch.from_item(outcome.item)


def refused(store: Store, move: Move) -> None:
    assert isinstance(store.put_part(move), Unwritten)


def test_a_running_batch_is_kept_for_two_months_beyond_its_retention(begun: Batch) -> None:
    assert begun.expires_at == NOW // 1000 + begun.retention_s + 60 * 86_400


def test_a_key_begins_one_batch(store: Store, begun: Batch) -> None:
    assert (begun.status, begun.total, begun.pass_number, begun.due_at) == ("running", 3, 1, NOW + 60_000)
    new = batch_moves.NewBatch(begun.tenant, "echo", "k", 9, "other", "s3:y", 10)
    refused(store, batch_moves.start_batch(new, NOW + 1, 0))


def test_a_chunk_is_taken_by_one_and_taken_over_when_it_is_silent(store: Store, begun: Batch) -> None:
    first = batch_moves.take_chunk(begun, 0, NOW)
    assert isinstance(store.put_part(first), Written)
    refused(store, batch_moves.take_chunk(begun, 0, NOW + batch_moves.CHUNK_LEASE_MS - 1))
    second = batch_moves.take_chunk(begun, 0, NOW + batch_moves.CHUNK_LEASE_MS)
    assert isinstance(store.put_part(second), Written)
    late = batch_moves.end_chunk(begun, 0, str(first.set["token"]), NOW, done=True)
    refused(store, late)
    assert isinstance(
        store.put_part(batch_moves.end_chunk(begun, 0, str(second.set["token"]), NOW, done=True)), Written
    )
    refused(store, batch_moves.take_chunk(begun, 0, NOW + 10**9))


def test_a_chunk_that_was_given_back_is_free_at_once(store: Store, begun: Batch) -> None:
    taken = batch_moves.take_chunk(begun, 1, NOW)
    store.put_part(taken)
    store.put_part(batch_moves.end_chunk(begun, 1, str(taken.set["token"]), NOW, done=False))
    assert isinstance(store.put_part(batch_moves.take_chunk(begun, 1, NOW + 1)), Written)


def test_letters_are_noted_on_what_was_seen(store: Store, begun: Batch) -> None:
    assert isinstance(store.put_part(batch_moves.note_letters(begun, 0, None, "s--", NOW)), Written)
    refused(store, batch_moves.note_letters(begun, 0, None, "-s-", NOW))
    assert isinstance(store.put_part(batch_moves.note_letters(begun, 0, "s--", "sfs", NOW)), Written)
    item = store.part(begun.run_id, chunk_part(begun.generation, 0)) or {}
    assert item["done"] and item["letters"] == "sfs"


def test_of_two_looks_one_counts(store: Store, begun: Batch) -> None:
    looked = made(store, batch_moves.look(begun, NOW + 1_000, NOW + 2_000, {"counts": "{}"}, None))
    assert looked.not_before == begun.not_before and looked.look_from == NOW + 2_000
    refused(store, batch_moves.look(begun, NOW + 1_001, NOW + 2_001, {"counts": "{}"}, None))
    later = made(store, batch_moves.look_later(looked, NOW + 5_000))
    assert later.not_before == NOW + 5_000
    refused(store, batch_moves.look_later(looked, NOW + 6_000))


def test_one_look_at_a_time_says_that_it_begins_and_a_cancel_is_looked_at_at_once(store: Store, begun: Batch) -> None:
    looking = made(store, batch_moves.begin_look(begun, NOW + 45_000))
    assert (looking.look_from, looking.not_before, looking.due_at) == (NOW + 45_000, begun.not_before, begun.due_at)
    refused(store, batch_moves.begin_look(begun, NOW + 45_001))
    refused(store, batch_moves.look(begun, NOW + 1, NOW + 2, {}, None))
    made(store, batch_moves.look_later(looking, NOW + 3_000))
    assert made(store, batch_moves.look(looking, NOW + 9, NOW + 19, {}, None)).not_before == NOW + 3_000
    refused(store, batch_moves.look(looking, NOW + 9, NOW + 19, {}, None))
    looking = made(store, batch_moves.begin_look(replace(looking, look_from=NOW + 19), NOW + 60_000))
    assert made(store, batch_moves.cancel_batch(looking, NOW + 20, 0)).look_from == 0
    refused(store, batch_moves.look(looking, NOW + 21, NOW + 31, {}, None))


def test_workers_are_sent_by_one_and_a_cancel_sends_its_own(store: Store, begun: Batch) -> None:
    sent = made(store, batch_moves.send_workers(begun, NOW + 21_000, 21_000))
    assert (sent.spread_at, sent.not_before) == (NOW + 21_000, NOW + 42_000)
    refused(store, batch_moves.send_workers(begun, NOW + 21_001, 21_000))
    cancelled = made(store, batch_moves.cancel_batch(sent, NOW + 30_000, 21_000))
    refused(store, batch_moves.send_workers(sent, NOW + 42_000, None))
    over = made(store, batch_moves.send_workers(cancelled, NOW + 51_000, None))
    assert (over.spread_at, over.not_before) == (0, NOW + 51_000)


def test_it_ends_once_with_the_intent_to_tell(store: Store, begun: Batch) -> None:
    ended = made(store, batch_moves.end_batch(begun, NOW + 5, Status.FAILED, FAILED))
    assert (ended.status, ended.cb_status, ended.cb_due, ended.due_at) == ("failed", "pending", NOW + 5, NOW + 5)
    refused(store, batch_moves.end_batch(begun, NOW + 6, Status.FAILED, FAILED))
    refused(store, batch_moves.look(begun, NOW + 6, NOW + 7, {}, None))
    refused(store, batch_moves.cancel_batch(begun, NOW + 6, 0))


def test_a_retry_is_a_new_pass_that_an_old_look_cannot_end(store: Store, begun: Batch) -> None:
    refused(store, batch_moves.retry_batch(begun, NOW, 0))
    ended = made(store, batch_moves.end_batch(begun, NOW + 5, Status.FAILED, FAILED))
    again = made(store, batch_moves.retry_batch(ended, NOW + 9, 70))
    assert again.not_before == NOW + 79
    assert (again.status, again.pass_number, again.previous, again.seed) == ("running", 2, begun.generation, begun.seed)
    assert again.finished_at is None and again.cb_status is None and again.counts is None
    refused(store, batch_moves.end_batch(begun, NOW + 10, Status.SUCCEEDED, {"total": 3}))
    refused(store, batch_moves.retry_batch(ended, NOW + 10, 0))


def test_who_cancelled_a_batch_is_kept_until_it_is_sent_again(store: Store, begun: Batch) -> None:
    asked = made(store, batch_moves.cancel_batch(begun, NOW + 1, 0, "ada"))
    again = made(store, batch_moves.cancel_batch(asked, NOW + 2, 0, "grace"))
    assert again.cancelled_by == "ada"
    ended = made(store, batch_moves.end_batch(again, NOW + 5, Status.CANCELLED, FAILED))
    assert (ended.cancelled_by, made(store, batch_moves.retry_batch(ended, NOW + 9, 0)).cancelled_by) == ("ada", None)


def test_a_batch_that_succeeded_is_not_run_again(store: Store, begun: Batch) -> None:
    ended = made(store, batch_moves.end_batch(begun, NOW + 5, Status.SUCCEEDED, {"total": 3}))
    refused(store, batch_moves.retry_batch(ended, NOW + 9, 0))


def member(batch: Batch, index: int = 0) -> moves.NewRun:
    return moves.NewRun(batch.tenant, "echo", f"k{index}", batch=batch.run_id, batch_seed=batch.seed, batch_index=index)


def test_a_tombstone_and_a_birth_exclude_each_other(store: Store, begun: Batch) -> None:
    assert isinstance(store.apply(moves.start(member(begun), NOW)), Applied)
    held = store.apply(batch_moves.tombstone(member(begun), NOW))
    assert isinstance(held, Refused) and held.head is not None and held.head.status == "queued"
    move = batch_moves.tombstone(member(begun, 1), NOW)
    born = store.apply(move)
    assert isinstance(born, Applied) and born.head.status == "cancelled" and born.head.due_at is None
    assert store.apply(move) == Applied(born.head, repeated=True), "its own, whose answer was lost"
    late = store.apply(moves.start(member(begun, 1), NOW))
    assert isinstance(late, Refused) and late.head is not None and late.head.status == "cancelled"


def test_a_run_joins_a_pass_once(store: Store, begun: Batch) -> None:
    head = store.apply(batch_moves.tombstone(member(begun), NOW)).head
    assert head is not None
    second = replace(begun, batch_pass=2)
    redriven = store.apply(batch_moves.redrive_for(head, second, NOW + 1))
    assert isinstance(redriven, Applied)
    assert (redriven.head.status, redriven.head.batch_pass) == ("queued", 2)
    assert isinstance(store.apply(batch_moves.redrive_for(head, second, NOW + 2)), Refused)
    assert isinstance(store.apply(batch_moves.join_pass(head, second)), Refused)
    third = store.apply(batch_moves.join_pass(redriven.head, replace(begun, batch_pass=3)))
    assert isinstance(third, Applied) and third.head.batch_pass == 3


def test_ids_of_a_batch_s_runs_come_from_its_birth_and_their_place(begun: Batch) -> None:
    assert member(begun).run_id == member(begun).run_id != member(begun, 1).run_id
    assert member(replace(begun, seed="other")).run_id != member(begun).run_id
    assert member(begun).run_id[:9] == moves.NewRun("x", "echo", "k").run_id[:9]  # the function's mark

"""A bulk job from its request to its end: what it acts on, what it counts, and what a dead worker leaves behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.batches import start as batch_start
from chalicelib.batches.manifest import Item
from chalicelib.bulk import documents, start, work
from chalicelib.due import jobs
from chalicelib.due.sweep import sweep
from chalicelib.due.wake import wanted_at
from chalicelib.runs import dispatch
from chalicelib.runs.dispatch import KeyReused
from chalicelib.runs.documents import rfc3339
from chalicelib.runs.filters import Filters
from invoke_once.errors import StoreUnavailable
from invoke_once.life.bulk import Counts
from invoke_once.life.due import Due
from invoke_once.life.moves import bulk_moves
from invoke_once.life.status import Status
from tests.unit.bulk.world import World
from tests.unit.dying import Dies, dying

FAILED = {"statuses": ("failed",)}


def test_a_retry_sends_what_failed_again_once_each_and_nothing_else() -> None:
    world = World()
    failed, good = world.ended(7), world.ended(2, Status.SUCCEEDED)
    world.fires.runs.clear()
    job = world.work(world.bulk("retry", **FAILED))
    assert (job.status, job.counted) == ("done", Counts(7, 7, 0))
    assert world.statuses(failed) == {"queued": 7} and world.statuses(good) == {"succeeded": 2}
    assert world.fires.runs == dict.fromkeys(failed, 1)
    assert (job.due_at, job.not_before, job.page) == (None, None, None)


def test_what_the_state_forbids_is_counted_as_refused() -> None:
    world = World()
    world.ended(3), world.ended(2, Status.SUCCEEDED), world.start(4)
    job = world.work(world.bulk("cancel", function="echo"))
    assert job.counted == Counts(9, 4, 5)
    assert world.work(world.bulk("retry", function="echo")).counted == Counts(9, 7, 2)


def test_a_running_run_is_asked_to_stop() -> None:
    world = World()
    (run_id,) = world.start()
    world.claim(run_id)
    assert world.work(world.bulk("cancel", function="echo")).counted == Counts(1, 1, 0)
    head = world.head(run_id)
    assert (head.status, head.cancel_requested) == ("running", True)


def test_callbacks_are_sent_again_where_there_is_one_and_the_run_has_ended() -> None:
    world = World()
    told = world.ended(2, callback_url="http://127.0.0.1:1/")
    world.ended(1), world.start(1, callback_url="http://127.0.0.1:1/")
    before = world.head(told[0]).cb_due or 0
    job = world.work(world.bulk("resend", function="echo"))
    assert job.counted == Counts(4, 2, 2)
    assert (world.head(told[0]).cb_due or 0) > before and world.head(told[0]).cb_status == "pending"


@pytest.mark.parametrize("wanted", [
    {"function": "report"}, {"labels": (("night", "1"),)}, {"statuses": ("queued",), "function": "report"},
])  # fmt: skip
def test_the_filter_decides(wanted: Any) -> None:
    world = World()
    world.start(3), world.start(2, labels={"night": "2"})
    meant = world.start(2, function="report", labels={"night": "1", "more": "x"})
    assert world.work(world.bulk("cancel", **wanted)).counted == Counts(2, 2, 0)
    assert world.statuses(meant) == {"cancelled": 2}


def test_a_time_range_is_kept_to_the_millisecond() -> None:
    world = World()
    ids = [world.start()[0] for _ in range(5)]
    times = [world.head(run_id).created_at for run_id in ids]
    world.work(world.bulk("cancel", low_ms=times[1], high_ms=times[3]))
    assert [world.head(run_id).status for run_id in ids] == ["queued", *["cancelled"] * 3, "queued"]


def test_what_is_created_after_the_request_is_never_touched() -> None:
    world = World()
    before = world.start(2)
    job = world.bulk("cancel", function="echo")
    after = world.start(3)  # the first in the very millisecond of the request
    assert world.work(job).counted == Counts(2, 2, 0)
    assert world.statuses(before) == {"cancelled": 2} and world.statuses(after) == {"queued": 3}


def test_another_tenant_s_runs_are_not_seen() -> None:
    world = World()
    mine, others = world.start(2), world.start(2, tenant="acme")
    assert world.work(world.bulk("cancel", function="echo")).counted == Counts(2, 2, 0)
    assert world.statuses(others) == {"queued": 2} and world.statuses(mine) == {"cancelled": 2}


def test_a_dry_run_counts_and_writes_nothing_but_its_own_item() -> None:
    world = World()
    world.ended(5), world.ended(2, Status.SUCCEEDED)
    before = {key: dict(item) for key, item in world.table.items.items()}
    job = world.bulk("retry", function="echo", dry_run=True)
    assert world.fires.attends == [job.run_id] and job.not_before == world.clock()  # at once
    job = world.work(job)
    assert (job.status, job.counted) == ("done", Counts(7, 0, 2))
    assert {key: item for key, item in world.table.items.items() if key[0] != job.run_id} == before


def test_a_key_is_known_once_it_has_a_job() -> None:
    world = World()
    asked = start.BulkRequest("demo", "cancel", {}, Filters(None, None, (), (), 0, 1), key="k")
    assert not start.is_known(world.svc, asked)
    start.accept(world.svc, asked)
    assert start.is_known(world.svc, asked)
    assert not start.is_known(world.svc, structs.replace(asked, key=None))


@pytest.mark.parametrize(("later_ms", "seconds"), [(29_999, 1), (30_000, 5)])
def test_a_job_is_worth_another_look_in_a_second_and_later_in_five(later_ms: int, seconds: int) -> None:
    job = World().bulk("cancel", function="echo")
    assert documents.retry_after_s(job, job.created_at + later_ms) == seconds
    shown = documents.document(job)
    assert (shown["expires_at"], shown["finished_at"]) == (rfc3339(job.expires_at * 1000), None)


def test_a_job_tells_of_its_beginning_its_stop_its_end_and_what_it_could_not_do(capsys: Any) -> None:
    world = World()
    (bad,) = world.ended(1)
    world.svc.payloads.renew_input = _refused  # type: ignore[method-assign]
    job = world.bulk("retry", **FAILED)
    for _ in range(work.TRIES - 1):
        with pytest.raises(StoreUnavailable):
            world.work(job)
    start.stop(world.svc, other := world.bulk("cancel", function="echo"))
    world.work(job)
    world.work(other)
    told = {(line["event"], line["bulk"]): line for line in map(json.loads, capsys.readouterr().out.splitlines())
            if "bulk" in line}  # fmt: skip
    begun = told["bulk_accepted", job.run_id]
    assert (begun["tenant"], begun["action"], begun["dry_run"], begun["BulkAccepted"]) == ("demo", "retry", False, 1)
    failed = told["bulk_run_failed", job.run_id]
    assert (failed["run_id"], failed["reason"]) == (bad, "StoreUnavailable")
    ended = told["bulk_ended", job.run_id]
    assert (ended["run_status"], ended["matched"], ended["done"], ended["refused"]) == ("done", 1, 0, 1)
    assert ("bulk_stop_requested", other.run_id) in told
    assert told["bulk_ended", other.run_id]["run_status"] == "stopped"


def _refused(*_: Any) -> None:
    raise StoreUnavailable("S3 refused put_object: AccessDenied", "AccessDenied")


def test_a_key_has_one_job() -> None:
    world = World()
    first = world.bulk("retry", key="k", **FAILED)
    assert world.bulk("retry", key="k", **FAILED).run_id == first.run_id
    for other in ({"action": "cancel"}, {"dry_run": True}, {"function": "echo"}, {"tenant": "demo", "shown": {"x": 1}}):
        with pytest.raises(KeyReused):
            world.bulk(**{"action": "retry", "key": "k", **FAILED, **other})  # type: ignore[arg-type]
    assert world.bulk("retry", key="k", tenant="acme", **FAILED).run_id != first.run_id


def test_many_are_done_page_by_page_over_several_workers() -> None:
    world = World()
    ids = [run_id for _ in range(13) for run_id in world.ended(40)]
    world.fires.took = lambda: world.clock.step(200)
    job, workers = world.bulk("retry", **FAILED), 0
    while world.look(job).running:
        assert world.look(job).due_at == world.look(job).not_before  # stream, queue and sweep come by
        job = world.work(job)
        workers += 1
    assert job.counted == Counts(520, 520, 0) and workers == 6
    assert max(world.fires.runs.values()) == 2 and len(ids) == 520  # started, and sent again once


@pytest.mark.parametrize("fails_again", [False, True])
@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_a_worker_that_dies_within_a_page_leaves_it_to_the_next_which_doubles_nothing(
    action: Any, fails_again: bool
) -> None:
    world = World()
    ids = world.ended(6) if action == "retry" else world.start(6)
    job = world.bulk(action, function="echo")
    world.fires.runs.clear()
    world.clock.step(start.SETTLE_MS)
    with pytest.raises(Dies), dying(world.store, "apply", 4):
        work.attend(world.svc, job.run_id, threads=1)
    begun = [run_id for run_id in ids if world.head(run_id).bulk == job.run_id]
    assert len(begun) == 4 and world.look(job).running
    assert work.attend(world.svc, job.run_id) == Due.NOTHING  # it is the dead one's for a while
    if fails_again:
        for run_id in begun:
            world.end(run_id) if action == "retry" else dispatch.redrive(world.svc, world.head(run_id))
    world.clock.step(bulk_moves.LEASE_MS)
    assert job.run_id in world.sweep()
    done = world.work(job)
    assert (done.status, done.counted) == ("done", Counts(6, 6, 0))
    assert all(world.fires.runs[run_id] <= 1 for run_id in ids)
    if fails_again:
        assert world.statuses(begun) == ({"failed": 4} if action == "retry" else {"queued": 4})


def test_a_run_of_a_dead_worker_s_page_that_is_another_by_now_is_left_alone() -> None:
    world = World()
    first, second, third = world.ended(3, labels={"a": "1"})
    job = world.bulk("retry", **FAILED)
    world.clock.step(start.SETTLE_MS)
    with pytest.raises(Dies), dying(world.svc.payloads, "renew_input", 0):
        work.attend(world.svc, job.run_id, threads=1)
    dispatch.redrive(world.svc, world.head(first))
    world.end(first)  # it failed anew, for a reason that whoever asked for the job has not seen
    del world.table.items[second, "head"]
    done = world.work(job)
    assert done.counted == Counts(3, 1, 2)
    assert (world.head(first).status, world.head(third).status) == ("failed", "queued")


@pytest.mark.parametrize("action", ["resend", "cancel", "retry"])
def test_what_another_job_has_moved_since_a_worker_died_is_not_moved_again(action: Any) -> None:
    world = World()
    url = "http://127.0.0.1:1/"
    ids = world.start(3, callback_url=url) if action == "cancel" else world.ended(3, callback_url=url)
    for run_id in ids if action == "cancel" else ():
        world.claim(run_id)
    first = world.bulk(action, function="echo")
    world.clock.step(start.SETTLE_MS)
    real = world.store.put_part

    def put_part(move: Any) -> Any:
        if move.letter == "KE" or (move.letter == "KC" and move.set["step"] == 2):
            raise Dies
        return real(move)

    world.store.put_part = put_part  # type: ignore[method-assign]
    with pytest.raises(Dies):
        work.attend(world.svc, first.run_id, threads=1)
    world.store.put_part = real  # type: ignore[method-assign]
    for run_id in ids if action == "retry" else ():
        world.end(run_id)
    assert world.work(world.bulk(action, function="echo")).counted == Counts(3, 3, 0)
    before = [world.head(run_id) for run_id in ids]
    done = world.work(first)
    assert (done.status, done.counted) == ("done", Counts(3, 0, 3))
    assert [world.head(run_id) for run_id in ids] == before


def test_a_worker_that_is_late_is_refused_and_leaves() -> None:
    world = World()
    world.ended(3)
    job = world.bulk("retry", **FAILED)
    world.clock.step(start.SETTLE_MS)
    real = work.found.page

    def meanwhile(*args: Any) -> Any:
        work.found.page = real
        seen = real(*args)
        world.clock.step(bulk_moves.LEASE_MS)
        assert world.work(job).status == "done"
        return seen

    try:
        work.found.page = meanwhile
        work.attend(world.svc, job.run_id, threads=1)
    finally:
        work.found.page = real
    assert world.look(job).counted == Counts(3, 3, 0)
    assert max(world.fires.runs.values()) == 2


def test_a_stop_is_seen_at_the_next_page_and_what_was_done_is_counted() -> None:
    world = World()
    ids = [run_id for _ in range(4) for run_id in world.ended(50)]
    job = world.bulk("retry", **FAILED)
    world.work(job, budget_ms=-1)  # a worker without time: nothing is done
    assert world.look(job).counted == Counts()
    real, calls = work.found.page, [0]

    def stopping(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            assert start.stop(world.svc, world.look(job)) is not None
        return real(*args)

    try:
        work.found.page = stopping
        done = world.work(job)
    finally:
        work.found.page = real
    assert done.status == "stopped" and done.counted == Counts(200, 100, 0)
    assert world.statuses(ids) == {"queued": 100, "failed": 100}
    assert start.stop(world.svc, done) is None


def test_a_stop_before_the_first_worker_stops_everything() -> None:
    world = World()
    ids = world.start(3)
    job = world.bulk("cancel", function="echo")
    start.stop(world.svc, job)
    assert world.fires.attends == [job.run_id], "it is ended at once"
    assert world.work(job).status == "stopped" and world.statuses(ids) == {"queued": 3}


def test_a_fault_leaves_the_page_for_later_and_one_that_stays_is_refused_in_the_end() -> None:
    world = World()
    bad, *others = world.ended(3)
    job = world.bulk("retry", **FAILED)
    real = world.svc.payloads.renew_input

    def refused(head: Any, *more: Any) -> None:
        if head.run_id == bad:
            raise StoreUnavailable("S3 refused put_object: AccessDenied", "AccessDenied")
        real(head, *more)

    world.svc.payloads.renew_input = refused  # type: ignore[method-assign]
    for _ in range(work.TRIES - 1):
        with pytest.raises(StoreUnavailable):
            world.work(job)
    done = world.work(job)
    assert (done.status, done.counted) == ("done", Counts(3, 2, 1))
    assert world.statuses(others) == {"queued": 2} and max(world.fires.runs.values()) == 2


def test_the_runs_of_a_batch_are_found_by_their_place() -> None:
    world = World()
    items = [Item(b"1") for _ in range(230)]
    request = batch_start.BatchRequest(world.svc.functions["echo"], "demo", items, [1] * 230, "k")
    batch = batch_start.accept(world.svc, request).batch
    from chalicelib.batches import spread

    spread.work(world.svc, batch.run_id, threads=1)
    world.start(2)
    world.clock.step(1)
    assert world.work(world.bulk("cancel", batch=batch.run_id, tenant="acme")).counted == Counts()
    job = world.bulk("cancel", batch=batch.run_id)
    assert world.work(job).counted == Counts(230, 230, 0)


def test_stream_and_sweep_wake_its_workers() -> None:
    world = World()
    world.start(1)
    job = world.bulk("cancel", function="echo")
    image = {"run_id": {"S": job.run_id}, "part": {"S": "bulk"}, "not_before": {"N": str(job.not_before)}}
    assert wanted_at({"dynamodb": {"NewImage": image}}) == (job.run_id, world.clock() - 1 + start.SETTLE_MS + 1)
    world.clock.step(start.SETTLE_MS)
    swept = sweep(world.svc, lambda *_: None, workers=1)  # in an invocation of its own: it may take a while
    assert (swept.looked_at, swept.failed) == (1, 0)
    assert world.fires.attends == [job.run_id] and world.look(job).step == 0
    jobs.attend(world.svc, job.run_id, lambda *_: None)
    assert world.look(job).status == "done"
    assert jobs.attend(world.svc, job.run_id, lambda *_: None) == Due.NOTHING


def test_it_is_forgotten_thirty_days_after_its_end() -> None:
    world = World()
    job = world.work(world.bulk("cancel", function="echo"))
    world.clock.step(bulk_moves.KEPT_S * 1000 - 1_000)
    assert world.look(job).status == "done"
    world.clock.step(2_000)
    assert jobs.attend(world.svc, job.run_id, lambda *_: None) == Due.NOTHING
    with pytest.raises(AssertionError):
        world.look(job)

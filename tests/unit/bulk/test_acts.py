"""What a bulk job does to one run, and how a request of a job is answered."""

from __future__ import annotations

from chalicelib.bulk import acts, found, start
from chalicelib.runs.filters import Filters
from tests.unit.bulk.world import World


def test_a_run_that_another_job_was_quicker_with_is_not_this_one_s_doing() -> None:
    world = World()
    (run_id,) = world.start()
    first, second = world.bulk("cancel", function="echo"), world.bulk("cancel", function="echo")
    read = world.head(run_id)
    assert acts.act(world.svc, "cancel", first, read) is True
    assert acts.act(world.svc, "cancel", first, read) is True, "it was before"
    assert acts.act(world.svc, "cancel", first, world.head(run_id)) is True
    assert acts.act(world.svc, "cancel", second, read) is False
    assert acts.act(world.svc, "cancel", second, world.head(run_id)) is False, "it has ended"
    assert (world.head(run_id).status, world.head(run_id).bulk) == ("cancelled", first.run_id)


def test_a_request_is_no_dry_run_unless_it_says_so_and_a_new_job_is_no_repeat() -> None:
    world = World()
    request = start.BulkRequest("demo", "cancel", {}, Filters(None, None, (), (), 0, 1), key="k")
    accepted = [start.accept(world.svc, request) for _ in range(2)]
    assert [one.replayed for one in accepted] == [False, True] and accepted[0].job == accepted[1].job
    assert accepted[0].job.asked["dry_run"] is False and world.fires.attends == []


def test_a_worker_whose_time_is_over_hands_the_job_on_at_once() -> None:
    world = World()
    world.ended(1)
    job = world.work(world.bulk("retry", statuses=("failed",)), budget_ms=0)
    assert (job.status, job.step, job.attempt, job.not_before, job.due_at) == (
        "running", 1, 0, world.clock(), world.clock(),
    )  # fmt: skip


def test_a_page_looks_further_until_half_of_it_matches() -> None:
    world = World()
    world.start(4, "report"), world.start(4, "report"), world.start(3), world.start(1, "report")
    page = found.page(world.svc, "demo", Filters("report", None, (), (), 0, world.clock()), None, 4)
    assert len(page.heads) == 5 and page.position is not None

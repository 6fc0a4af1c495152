"""Waiting: long polls to the end, through everything that passes, until the deadline and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from tests.once_fake import BIG, DROPPED, REFUSED, Answer, FakeOnce, problem
from tests.unit.client.conftest import ask

Play = Callable[[Any], None]
GATEWAY_404 = Answer(404, b"<h1>no such API</h1>", {"content-type": "text/html"})
PORTAL = Answer(200, b"<h1>please log in</h1>", {"content-type": "text/html"})


def test_result_is_the_output_of_a_run_that_succeeded(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("echo", {"a": [1, None]}))
        assert await ask(run.result(timeout=60)) == {"a": [1, None]}
        assert (run.status, run.output, run.finished) == ("succeeded", {"a": [1, None]}, True)

    play(scenario)


@pytest.mark.parametrize(
    ("function", "kind", "says"),
    [
        ("fail", client_errors.RunFailed, "RuntimeError: boom"),
        ("crash", client_errors.RunTimedOut, "longer than 6 s"),
        ("late", client_errors.RunExpired, "waited too long"),
    ],
)
def test_result_of_a_run_that_did_not_succeed_raises_its_ending(
    play: Play, function: str, kind: type[client_errors.RunNotSucceeded], says: str
) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start(function))
        with pytest.raises(kind, match=says) as caught:
            await ask(run.result(timeout=60))
        assert caught.value.run.id == run.id
        assert caught.value.run.error is not None

    play(scenario)


def test_result_of_a_cancelled_run_says_so(once: Once) -> None:
    run = once.start("hang").cancel()
    with pytest.raises(client_errors.RunCancelled):
        run.result()


def test_wait_gives_any_ending_back_without_raising(once: Once) -> None:
    run = once.start("fail")
    assert run.wait(60) is run
    assert run.error is not None
    assert (run.status, run.error.type) == ("failed", "RuntimeError")
    assert run.error.trace is not None


def test_a_wait_is_held_at_its_beginning_alone_and_polls_when_it_is_told_to(fake: FakeOnce, once: Once) -> None:
    run = once.start("hang").refresh()
    asked = len(fake.seen)
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=50)
    poll = fake.last()
    assert poll.headers["if-none-match"] == run.document.etag
    assert fake.held_s == [5]
    assert len(fake.seen) - asked == 1 + 45  # the fake's Retry-After is a second


def test_a_run_that_is_not_young_is_not_held(fake: FakeOnce, play: Play) -> None:
    fake.retry_after = "8"

    async def scenario(once: Any) -> None:
        run = await ask((await ask(once.start("hang"))).refresh())
        began, asked = fake.now_s, len(fake.seen)
        with pytest.raises(client_errors.WaitTimeout):
            await ask(run.wait(timeout=60))
        assert (fake.now_s - began, len(fake.seen) - asked) == (60, 9)  # at 0, 8, 16 … 56 and at the end

    play(scenario)
    assert fake.held_s == []


@pytest.mark.parametrize(("asked", "looks"), [("30", 9), ("86400", 5), ("0", 28), ("soon", 28)])
def test_the_pause_is_what_the_service_asks_for_to_a_bound(fake: FakeOnce, once: Once, asked: str, looks: int) -> None:
    fake.retry_after, fake.ignore_prefer = asked, True
    run = once.start("hang").refresh()
    seen = len(fake.seen)
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=240)
    assert len(fake.seen) - seen <= looks


def test_a_service_that_holds_no_more_is_polled(fake: FakeOnce, once: Once) -> None:
    fake.ignore_prefer, fake.retry_after = True, "1"
    run = once.start("hang").refresh()
    asked = len(fake.seen)
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=10)
    assert len(fake.seen) - asked == 11


def test_giving_up_leaves_the_run_and_carries_what_was_seen_of_it(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("hang"))
        began = fake.now_s
        with pytest.raises(TimeoutError) as caught:
            await ask(run.wait(timeout=33))
        assert isinstance(caught.value, client_errors.WaitTimeout)
        assert caught.value.run is not None
        assert caught.value.run.status == "running"
        assert fake.now_s - began == pytest.approx(33, abs=1)

    play(scenario)


def test_a_timeout_of_zero_looks_once(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=0)
    assert fake.count("GET", f"/runs/{run.id}") == 1


def test_a_finished_run_is_not_asked_about_again(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo").wait()
    asked = len(fake.seen)
    run.wait()
    assert len(fake.seen) == asked


@pytest.mark.parametrize(
    "fault",
    [DROPPED, REFUSED, GATEWAY_404, PORTAL, Answer(503, {}), Answer(500, b"oops", {"content-type": "text/plain"})],
    ids=str,
)
def test_waiting_survives_whatever_stands_in_the_services_place_for_two_minutes(
    fake: FakeOnce, play: Play, fault: Answer
) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("echo", 7))
        fake.faults = [fault] * 25
        assert await ask(run.result(timeout=600)) == 7

    play(scenario)


def test_an_outage_is_polled_with_growing_pauses(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    fake.faults = [REFUSED] * 20
    began = fake.now_s
    run.wait(600)
    assert fake.now_s - began > 50


def test_an_outage_ends_the_wait_at_its_deadline_not_later(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    fake.always = REFUSED
    began = fake.now_s
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=17)
    assert fake.now_s - began == 17


def test_without_a_deadline_an_outage_is_an_error_after_five_minutes(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    fake.always = REFUSED
    began = fake.now_s
    with pytest.raises(client_errors.ServiceUnreachable):
        run.wait()
    assert 300 < fake.now_s - began < 320


def test_what_the_service_itself_refuses_is_raised_at_once(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        asked = len(fake.seen)
        with pytest.raises(client_errors.NotFound):
            await ask(once.run("run_unknown").wait(600))
        assert len(fake.seen) == asked + 1
        fake.always = problem(401, "unauthorized", "revoked")
        with pytest.raises(client_errors.Unauthorized):
            await ask(once.run("run_unknown").wait(600))

    play(scenario)


def test_a_service_that_does_not_hold_is_not_hammered(fake: FakeOnce, once: Once) -> None:
    fake.ignore_prefer = True
    run = once.start("hang")
    with pytest.raises(client_errors.WaitTimeout):
        run.wait(timeout=60)
    assert len(fake.seen) < 70


def test_a_read_timeout_leaves_room_for_the_hold_and_none_past_the_deadline(fake: FakeOnce) -> None:
    from invoke_once.client.core.effects import Call, Reply, Seams
    from invoke_once.client.core.flows import Core
    from invoke_once.client.core.requests import Target
    from invoke_once.client.core.steps import Watch

    core = Core(Target("http://once.test", "t"), seams=Seams(clock=fake.clock))
    steps = Watch(core, "run_a", None, 100.0).step()
    first = next(steps)
    assert isinstance(first, Call)
    assert first.read_timeout_s == 30
    with pytest.raises(StopIteration) as end:
        steps.send(Reply(200, {}, b'{"id": "run_a", "status": "queued"}', "http://once.test/runs/run_a"))
    held = next(Watch(core, "run_a", end.value.value[0], 3.5).step())
    assert isinstance(held, Call)
    assert (held.headers["Prefer"], held.read_timeout_s) == ("wait=3", 5.5)


def test_watching_shows_every_change_once(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("steps"))
        seen = [(r.status, r.progress) for r in await all_of_changes(run)]
        assert [status for status, _ in seen] == ["running", "running", "succeeded"]
        assert [progress.fraction for _, progress in seen if progress] == [0.25, 0.5]

    async def all_of_changes(run: Any) -> list[Any]:
        found = []
        changes = run.watch()
        if hasattr(changes, "__aiter__"):
            async for seen in changes:
                found.append(seen.document)
        else:
            found = [seen.document for seen in changes]
        return found

    play(scenario)


def test_ticks_say_that_the_service_does_not_answer(fake: FakeOnce, once: Once) -> None:
    run = once.start("echo")
    fake.faults = [REFUSED, REFUSED]
    assert [bool(seen.trouble) for seen in run.watch(ticks=True)] == [True, True, False, False]


def test_a_large_output_is_fetched_from_where_the_service_points_without_the_token(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("big"))
        assert await ask(run.result(60)) == BIG

    play(scenario)
    there = fake.last()
    assert there.host == "bucket.test"
    assert "authorization" not in there.headers


def test_a_presigned_url_that_has_expired_is_asked_for_again_once(fake: FakeOnce, once: Once) -> None:
    run = once.start("big").wait()
    fake.presigned_refusals = 1
    assert run.result() == BIG
    fake.presigned_refusals = 5
    with pytest.raises(client_errors.UnexpectedReply) as caught:
        run.result()
    assert "s3cret" not in str(caught.value)


def test_a_step_down_from_https_is_not_taken(fake: FakeOnce) -> None:
    from tests.once_fake import TOKEN
    from tests.unit.client.conftest import settings

    with Once("https://once.test", TOKEN, **settings(fake)) as once:
        run = once.start("big").wait()
        fake.faults = [Answer(303, b"", {"location": "http://bucket.test/bucket/x"})]
        with pytest.raises(client_errors.UnexpectedReply, match="not https"):
            run.result()
    assert fake.last().host == "once.test"


def test_an_output_that_is_null_is_an_output(fake: FakeOnce, once: Once) -> None:
    assert once.start("echo", None).result() is None

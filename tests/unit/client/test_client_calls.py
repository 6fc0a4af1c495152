"""Everything but starting and waiting: look, list, cancel, retry, logs, deliveries, functions, tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from invoke_once import client_errors
from invoke_once.client import Once
from tests.once_fake import DROPPED, Answer, FakeOnce, problem
from tests.unit.client.conftest import all_of, ask

Play = Callable[[Any], None]


def test_a_handle_from_an_id_asks_nothing_until_it_is_told_to(fake: FakeOnce, once: Once) -> None:
    run = once.run("run_abc")
    assert run.id == "run_abc"
    assert "not read yet" in repr(run)
    with pytest.raises(client_errors.InvokeOnceError, match="refresh"):
        _ = run.status
    assert not fake.seen


@pytest.mark.parametrize("bad", ["", "../tokens", "run_a/cancel", "run a", "run_a?x=1", "run_é"])
def test_what_cannot_be_an_id_never_becomes_a_url(fake: FakeOnce, once: Once, bad: str) -> None:
    with pytest.raises(client_errors.InvokeOnceError, match="not a run id"):
        once.run(bad)
    assert not fake.seen


def test_get_reads_a_run(play: Play) -> None:
    async def scenario(once: Any) -> None:
        started = await ask(once.start("echo", key="k1"))
        run = await ask(once.get(started.id))
        assert (run.id, run.key, run.document.function, run.status) == (started.id, "k1", "echo", "running")
        assert run.progress == (None, "at it")

    play(scenario)


def test_a_list_goes_through_the_pages_as_it_is_read(fake: FakeOnce, play: Play) -> None:
    fake.page_size = 3

    async def scenario(once: Any) -> None:
        ids = [(await ask(once.start("echo"))).id for _ in range(8)]
        assert [run.id for run in await all_of(once.list())] == ids[::-1]

    play(scenario)
    assert fake.count("GET", "/runs") == 3


def test_a_limit_counts_over_all_pages_and_asks_for_no_more(fake: FakeOnce, once: Once) -> None:
    fake.page_size = 3
    for _ in range(8):
        once.start("echo")
    assert len(list(once.list(limit=5))) == 5
    assert [seen.query["limit"] for seen in fake.seen if seen.method == "GET"] == [["5"], ["2"]]
    assert list(once.list(limit=0)) == []


def test_reading_the_first_page_does_not_fetch_the_second(fake: FakeOnce, once: Once) -> None:
    fake.page_size = 2
    for _ in range(4):
        once.start("echo")
    next(once.list())
    assert fake.count("GET", "/runs") == 1


def test_filters_are_sent_as_the_service_names_them(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        when = datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=UTC)
        labels = {"team": "data", "env": "p&q"}
        await all_of(once.list(function="echo", status="failed", key="a b", labels=labels, created_after=when))

    play(scenario)
    query = dict(fake.last().query)
    del query["limit"]
    assert query == {
        "function": ["echo"],
        "status": ["failed"],
        "key": ["a b"],
        "label": ["team:data", "env:p&q"],
        "created_after": ["2026-11-23T14:00:00.123Z"],
    }


def test_a_listed_run_can_be_acted_on(once: Once) -> None:
    once.start("hang")
    run = next(once.list())
    assert run.cancel().status == "cancelled"


def test_cancelling_twice_is_no_error(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("hang"))
        await ask(run.cancel())
        assert (await ask(run.cancel())).status == "cancelled"

    play(scenario)


def test_cancelling_what_has_ended_is_a_conflict(once: Once) -> None:
    run = once.start("echo").wait()
    with pytest.raises(client_errors.Conflict, match="succeeded already"):
        run.cancel()


def test_a_retry_runs_the_run_again(play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask((await ask(once.start("fail"))).wait())
        await ask(run.retry())
        assert run.status == "queued"
        assert await ask(run.result(60)) == "second time lucky"

    play(scenario)


def test_retrying_what_still_runs_is_a_conflict(once: Once) -> None:
    run = once.start("hang")
    with pytest.raises(client_errors.Conflict):
        run.retry()


def test_a_retry_whose_answer_was_lost_is_not_reported_as_a_conflict(fake: FakeOnce, once: Once) -> None:
    run = once.start("fail").wait()
    real, first = fake._route, iter([True])

    def done_but_lost(seen: Any) -> Answer:
        answer = real(seen)
        if seen.method == "POST" and next(first, False):
            fake.scripts[run.id] = []
            return DROPPED
        return answer

    fake._route = done_but_lost  # type: ignore[method-assign]
    assert run.retry().status == "queued"


def test_logs_are_read_page_by_page(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("echo"))
        fake.logs[run.id] = [{"time": f"t{n}", "message": f"line {n}", "attempt": 1} for n in range(5)]
        assert [event["message"] for event in await all_of(run.logs(attempt=1))] == [f"line {n}" for n in range(5)]

    play(scenario)
    assert fake.seen[-1].query["attempt"] == ["1"]


def test_following_logs_gives_each_line_once_and_ends_when_the_log_is_complete(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("hang"))
        lines = fake.logs[run.id] = [{"message": "first"}]
        ended = fake.runs[run.id]

        def grow(_: float) -> None:
            lines.append({"message": str(len(lines))})
            ended["status"] = "succeeded" if len(lines) == 4 else "running"

        fake.on_pause = grow
        got = [event["message"] for event in await all_of(run.logs(follow=True))]
        assert got == ["first", "1", "2", "3"]

    play(scenario)


def test_new_logs_gives_what_came_since_the_last_look(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("hang"))
        assert await ask(run.new_logs()) == []
        fake.logs[run.id] = [{"message": str(n)} for n in range(3)]
        assert [e["message"] for e in await ask(run.new_logs())] == ["0", "1", "2"]
        fake.logs[run.id] += [{"message": "3"}, {"message": "4"}]
        assert [e["message"] for e in await ask(run.new_logs())] == ["3", "4"]
        assert await ask(run.new_logs()) == []
        assert not run.log_complete
        fake.runs[run.id]["status"] = "failed"
        assert (await ask(run.new_logs()), run.log_complete) == ([], True)

    play(scenario)


def test_input_comes_back_as_it_was_sent(play: Play) -> None:
    async def scenario(once: Any) -> None:
        value = {"n": 2**53 + 1, "ä": [None, 1.5]}
        assert await ask((await ask(once.start("hang", value))).input()) == value

    play(scenario)


def test_deliveries_and_sending_again(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        run = await ask(once.start("echo"))
        fake.deliveries[run.id] = [{"attempt": 1, "status_code": 200}]
        assert await ask(run.deliveries()) == await ask(once.deliveries(run.id)) == fake.deliveries[run.id]
        await ask(run.send_callback_again())
        assert fake.last("POST").path == f"/runs/{run.id}/deliveries"

    play(scenario)


def test_functions_all_and_one(play: Play) -> None:
    async def scenario(once: Any) -> None:
        assert [f["name"] for f in await ask(once.functions())] == ["echo", "fail"]
        assert (await ask(once.function("echo")))["mode"] == "tracked"

    play(scenario)


def test_health_is_told_whether_well_or_not(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        assert (await ask(once.health())).ok
        fake.healthy = Answer(503, {"parts": {"table": "down"}}, {"date": "Mon, 23 Nov 2026 14:00:00 GMT"})
        health = await ask(once.health())
        assert (health.ok, health.data["parts"]) == (False, {"table": "down"})
        assert health.date == "Mon, 23 Nov 2026 14:00:00 GMT"

    play(scenario)
    assert "authorization" not in fake.last().headers


def test_tokens_are_made_listed_and_revoked(fake: FakeOnce, play: Play) -> None:
    async def scenario(once: Any) -> None:
        made = await ask(once.tokens.create("acme", ["runs:read"], 3600))
        assert made["token"].startswith("once_")
        assert json.loads(fake.last().body) == {
            "tenant": "acme",
            "scopes": ["runs:read"],
            "expires_in_seconds": 3600,
        }
        assert [t["id"] for t in await all_of(once.tokens.list("acme"))] == [made["id"]]
        assert fake.last().query["tenant"] == ["acme"]
        await ask(once.tokens.revoke(made["id"]))
        assert await all_of(once.tokens.list()) == []
        with pytest.raises(client_errors.NotFound):
            await ask(once.tokens.revoke(made["id"]))
        await ask(once.tokens.create("acme", []))  # none are not those that a token has unless told: it is refused
        assert json.loads(fake.last().body) == {"tenant": "acme", "scopes": []}

    play(scenario)


def test_all_pages_of_tokens_are_listed(fake: FakeOnce, once: Once) -> None:
    fake.page_size = 2
    for _ in range(5):
        once.tokens.create("acme")
    assert len(list(once.tokens.list())) == 5


def test_a_token_that_may_exist_by_now_is_not_made_again(fake: FakeOnce, once: Once) -> None:
    fake.faults = [DROPPED]
    with pytest.raises(client_errors.ServiceUnreachable):
        once.tokens.create("acme")
    assert len(fake.seen) == 1


def test_a_revocation_whose_answer_was_lost_is_a_revocation(fake: FakeOnce, once: Once) -> None:
    fake.faults = [DROPPED, problem(404, "not-found", "gone")]
    once.tokens.revoke("t1")


def test_a_retry_from_the_start_says_so_and_another_has_no_body(fake: FakeOnce, once: Once) -> None:
    run = once.start("fail").wait()
    run.retry(from_start=True)
    again = once.start("fail").wait()
    again.retry()
    first, second = (seen.body for seen in fake.seen if seen.path.endswith("/retry"))
    assert json.loads(first) == {"from": "start"} and not second


@pytest.mark.parametrize(("pages", "asked", "lines"), [
    (["", "", "here", ""], 5, ["here"]),  # the last one's cursor is the one that it was asked with
    ([""] * 9, 5, []),
])  # fmt: skip
def test_a_log_is_read_over_empty_pages_that_have_more_behind_them(
    pages: list[str], asked: int, lines: list[str]
) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = pages[min(len(seen), len(pages) - 1)]
        seen.append(request)
        following = min(len(seen), 3) if len(pages) == 4 else len(seen)
        events = [{"time": "t", "message": page, "attempt": 1}] if page else []
        return httpx.Response(200, json={"events": events, "next_cursor": f"c{following}"})

    with Once("http://once.test", "once_x_y", transport=httpx.MockTransport(answer)) as once:
        assert [line["message"] for line in once.run("run_" + "a" * 26).logs()] == lines
    assert len(seen) == asked

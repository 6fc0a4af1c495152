"""The log lines of a run: found by the wrapper's own lines, cut at the attempt's ends, paged, followed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.api.world import World, echo

GROUP = "/aws/lambda/t-echo"


def lines(world: World, run_id: str, **query: str) -> list[tuple[int, str]]:
    """Over all pages."""
    found: list[tuple[int, str]] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        answer = world.get(run_id, "/logs", query={**query, **cursor})
        assert answer.status == 200, answer.text
        page = answer.json
        found += [(event["attempt"], event["message"]) for event in page["events"]]
        following = page["next_cursor"]
        if following is None or following == cursor.get("cursor"):
            return found
        cursor = {"cursor": following}
    raise AssertionError("the log does not end")


def said(found: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Without the wrapper's own lines."""
    return [(attempt, text) for attempt, text in found if not text.startswith("{")]


@pytest.fixture
def done(world: World) -> str:
    run_id: str = world.post().json["id"]
    world.deliver(run_id, echo)
    world.clock.step(60_000)
    return run_id


def test_each_attempt_s_lines_come_in_order_and_nobody_else_s(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", "run_" + "b" * 26, 1, "before")
    world.logs.attempt(GROUP, "a", done, 1, "one", "two")
    world.logs.attempt(GROUP, "a", "run_" + "c" * 26, 1, "after")
    world.logs.attempt(GROUP, "b", done, 2, "three")
    assert said(lines(world, done)) == [(1, "one"), (1, "two"), (2, "three")]
    assert said(lines(world, done, attempt="2")) == [(2, "three")]
    assert lines(world, done, attempt="3") == []


def test_our_own_lines_are_given_without_their_metrics(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1)
    first = lines(world, done)[0][1]
    assert first == f'{{"event": "claimed", "run_id": "{done}", "attempt": 1}}'


@pytest.mark.parametrize("limit", ["1", "2", "3", "7", "500"])
@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_pages_give_every_line_once(world: World, done: str, limit: str, page: int) -> None:
    world.logs.page = page
    world.logs.attempt(GROUP, "a", "run_" + "b" * 26, 1, "before")
    world.logs.attempt(GROUP, "a", done, 1, *[f"x{n}" for n in range(9)])
    world.logs.attempt(GROUP, "a", done, 2, *[f"y{n}" for n in range(4)])
    expected = [(1, f"x{n}") for n in range(9)] + [(2, f"y{n}") for n in range(4)]
    assert said(lines(world, done, limit=limit)) == expected


def test_an_attempt_that_died_ends_where_the_next_invocation_begins(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1, "last words", ended=False)
    world.logs.attempt(GROUP, "a", "run_" + "c" * 26, 1, "another's")
    assert said(lines(world, done)) == [(1, "last words")]


def test_our_own_lines_alone_tell_where_an_attempt_begins_and_ends(world: World, done: str) -> None:
    """Lambda's JSON log format has no line START RequestId."""
    for run_id, text in ((done, "mine"), ("run_" + "c" * 26, "another's")):
        world.logs.write(GROUP, "a", f'{{"event":"claimed","run_id":"{run_id}","attempt":1}}', text)
    assert said(lines(world, done)) == [(1, "mine")]
    assert said(lines(world, done, limit="2")) == [(1, "mine")]


def test_a_retried_run_in_json_format_is_followed_without_repeating(world: World) -> None:
    run_id = world.post().json["id"]
    for attempt, text in ((1, "one"), (2, "two")):
        world.logs.write(GROUP, "a", f'{{"event":"claimed","run_id":"{run_id}","attempt":{attempt}}}', text)
        world.logs.write(GROUP, "a", f'{{"event":"attempt_ended","run_id":"{run_id}","attempt":{attempt}}}')
        if attempt == 1:
            first = world.get(run_id, "/logs").json
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert said([(e["attempt"], e["message"]) for e in first["events"] + more["events"]]) == [(1, "one"), (2, "two")]


def test_a_live_run_s_log_is_followed_by_its_cursor(world: World) -> None:
    run_id = world.post().json["id"]
    start = world.get(run_id, "/logs").json
    assert start["events"] == [] and start["next_cursor"]
    claimed = f'{{"event":"claimed","run_id":"{run_id}","attempt":1}}'
    world.logs.write(GROUP, "a", claimed, "one")
    first = world.get(run_id, "/logs", query={"cursor": start["next_cursor"]}).json
    assert [event["message"] for event in first["events"]] == [claimed, "one"]
    world.clock.step(1_000)
    quiet = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert quiet["events"] == [] and quiet["next_cursor"] == first["next_cursor"]
    world.logs.write(GROUP, "a", "two")
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert [event["message"] for event in more["events"]] == ["two"]


def test_a_retried_run_s_cursor_does_not_repeat_the_first_attempt(world: World) -> None:
    run_id = world.post().json["id"]
    world.logs.attempt(GROUP, "a", run_id, 1, "one")
    first = world.get(run_id, "/logs").json
    world.logs.attempt(GROUP, "a", run_id, 2, "two")
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert said([(e["attempt"], e["message"]) for e in more["events"]]) == [(2, "two")]


def test_a_late_line_of_a_run_that_has_just_ended_can_still_be_followed(world: World) -> None:
    run_id = world.post().json["id"]
    world.logs.attempt(GROUP, "a", run_id, 1, "one", ended=False)
    world.logs.groups[GROUP]["a"] = world.logs.groups[GROUP]["a"][:-2]  # END and REPORT are late
    world.deliver(run_id)
    assert world.get(run_id, "/logs").json["next_cursor"] is not None
    world.clock.step(60_000)
    assert world.get(run_id, "/logs").json["next_cursor"] is None


def test_no_log_group_yet_is_an_empty_log(world: World, done: str) -> None:
    assert lines(world, done) == []


def test_a_log_service_that_fails_is_503(world: World, done: str) -> None:
    def down(**_asked: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "canary"}}, "FilterLogEvents")

    world.logs.filter_log_events = down  # type: ignore[method-assign,assignment]
    answer = world.get(done, "/logs")
    assert answer.status == 503 and answer.headers["retry-after"] == "2" and "canary" not in answer.text


def test_a_cursor_of_another_run_is_400(world: World) -> None:
    one, two = world.post().json["id"], world.post().json["id"]
    cursor = world.get(one, "/logs").json["next_cursor"]
    assert world.get(two, "/logs", query={"cursor": cursor}).status == 400
    assert world.get(one, "/logs", query={"cursor": cursor, "attempt": "1"}).status == 400

"""The log lines of a run: found by the wrapper's own lines, cut at the attempt's ends, paged, followed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec import structs

from chalicelib.functions import Function
from invoke_once.life import moves
from invoke_once.store.store import Applied
from tests.unit.api.cloudwatch import platform
from tests.unit.api.world import World, echo

GROUP = "/aws/lambda/t-echo"
ANOTHERS = "5a0f8f8e-0000-4000-8000-000000000001"


def lines(world: World, run_id: str, **query: str) -> list[tuple[int, str]]:
    """Over all pages."""
    found: list[tuple[int, str]] = []
    cursor: dict[str, str] = {}
    for _ in range(3_000):
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
    return [(attempt, text) for attempt, text in found if not text.startswith('{"event": ')]


def claimed(world: World, **more: Any) -> str:
    """A run that is running."""
    head = world.head(world.post(**more).json["id"])
    result = world.store.apply(moves.claim(head.run_id, head.generation, world.clock(), 60_000))
    assert isinstance(result, Applied)
    return head.run_id


def registered(world: World, functions: dict[str, Function]) -> None:
    """From now on functions.toml has these."""
    world.service = structs.replace(world.service, functions=functions)
    world.backend = structs.replace(world.backend, service=world.service)


@pytest.fixture
def done(world: World) -> str:
    run_id: str = world.post().json["id"]
    world.deliver(run_id, echo)
    return run_id


@pytest.fixture
def other(world: World) -> str:
    """Another tenant's run of the same function."""
    return claimed(world, token=world.issue("acme"))


def test_each_attempt_s_lines_come_in_order_and_nobody_else_s(world: World, done: str, other: str) -> None:
    world.attempts(done, 2)
    world.logs.attempt(GROUP, "a", other, 1, "before")
    world.logs.attempt(GROUP, "a", done, 1, "one", "two")
    world.logs.attempt(GROUP, "a", other, 1, "after")
    world.logs.attempt(GROUP, "b", done, 2, "three")
    assert said(lines(world, done)) == [(1, "one"), (1, "two"), (2, "three")]
    assert said(lines(world, done, attempt="2")) == [(2, "three")]
    assert lines(world, done, attempt="3") == []


def test_our_own_lines_are_given_without_their_metrics_and_their_proof(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1)
    first = lines(world, done)[0][1]
    assert first == f'{{"event": "claimed", "run_id": "{done}", "attempt": 1}}'


@pytest.mark.parametrize("limit", ["1", "2", "3", "7", "500"])
@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_pages_give_every_line_once(world: World, done: str, other: str, limit: str, page: int) -> None:
    world.attempts(done, 2)
    world.logs.page = page
    world.logs.attempt(GROUP, "a", other, 1, "before")
    world.logs.attempt(GROUP, "a", done, 1, *[f"x{n}" for n in range(9)])
    world.logs.attempt(GROUP, "a", done, 2, *[f"y{n}" for n in range(4)])
    expected = [(1, f"x{n}") for n in range(9)] + [(2, f"y{n}") for n in range(4)]
    assert said(lines(world, done, limit=limit)) == expected


@pytest.mark.parametrize("json_format", [False, True])
def test_an_attempt_that_died_ends_where_lambda_says_so(world: World, done: str, other: str, json_format: bool) -> None:
    world.logs.attempt(GROUP, "a", done, 1, "last words", ended=False, json_format=json_format)
    world.logs.write(GROUP, "a", "between the two")
    world.logs.attempt(GROUP, "a", other, 1, "another's", json_format=json_format)
    assert said(lines(world, done)) == [(1, "last words")]


@pytest.mark.parametrize("border", [f"START RequestId: {ANOTHERS} Version: 7", platform("start", ANOTHERS)])
def test_another_invocation_s_begin_ends_an_attempt_whose_end_is_missing(world: World, done: str, border: str) -> None:
    world.logs.write(GROUP, "a", world.logs.line("claimed", done, 1, request_id=ANOTHERS[:-1] + "2"), "mine", border)
    world.logs.write(GROUP, "a", "another's")
    assert said(lines(world, done)) == [(1, "mine")]


def test_another_run_s_claim_ends_an_attempt_where_lambda_says_nothing(world: World, done: str, other: str) -> None:
    """With SystemLogLevel WARN there are no lines of the platform."""
    world.logs.write(GROUP, "a", world.logs.line("claimed", done, 1), "mine", world.logs.line("claimed", other, 1))
    world.logs.write(GROUP, "a", "another's")
    assert said(lines(world, done)) == [(1, "mine")]
    assert said(lines(world, done, limit="2")) == [(1, "mine")]


def test_a_run_of_an_older_wrapper_has_its_log(world: World, done: str, other: str) -> None:
    del world.bench.table.items[done, "head"]["claim_token"]
    world.logs.attempt(GROUP, "a", done, 1, "mine", ended=False)
    world.logs.write(GROUP, "a", f'{{"event":"claimed","run_id":"{other}","attempt":1}}', "another's")
    assert said(lines(world, done)) == [(1, "mine")]


def odd_lines(done: str, other: str) -> list[str]:
    """What handlers print, and what somebody who knows this code would have them print."""
    pick = random.Random(4711)
    letters = '{}[]":,\\\t e\u202e\u2028\x85\x1b0eéß☃😀' + "claimed run_id attempt event"
    claim = {"event": "claimed", "run_id": done, "attempt": 1}
    known = [
        '{"event":"x","_aws":{}}', '{"event":"x","_aws":[]}', '{"event":"x","_aws":{"CloudWatchMetrics":[{}]}}',
        '{"event"', '{"event": {"event": ', '"event" {', "{" * 900, "[" * 900, '{"event":' + "[" * 5_000,
        json.dumps(claim), json.dumps(claim | {"attempt": 2}), json.dumps(claim | {"attempt": "1"}),
        json.dumps(claim | {"attempt": True}), json.dumps(claim | {"attempt": 1e400}),
        json.dumps(claim | {"attempt": -1}),
        json.dumps(claim | {"attempt": None}), json.dumps(claim | {"claim": "guessedguess2"}),
        json.dumps(claim | {"event": "attempt_ended"}), json.dumps(claim | {"event": "outcome_refused", "claim": "x"}),
        json.dumps({"event": "claimed", "run_id": other, "attempt": 1}),
        json.dumps({"event": "claimed", "run_id": other, "attempt": 2, "claim": "guessedguess2"}),
        json.dumps({"event": "claimed", "run_id": ["x"], "attempt": {}}), json.dumps({"event": ["claimed"]}),
        "START RequestId: 1 Version: $LATEST", "END RequestId: 1", "REPORT RequestId: x", "START RequestId: ",
        f"END RequestId: {ANOTHERS}", f"REPORT RequestId: {ANOTHERS} Duration", platform("report", ANOTHERS),
        '{"type":"platform.start"}', '{"type":"platform.report","record":7}', '{"type":["platform.start"]}',
        '{"event":"claimed","attempt":' + "9" * 5_000 + "}", "", " ", "null", "true", "\x00", "é" * 20_000,
    ]  # fmt: skip
    return known + ["".join(pick.choices(letters, k=pick.randrange(1, 60))) for _ in range(1_000)]


def test_a_thousand_odd_lines_are_read_back_as_they_were_printed(world: World, done: str, other: str) -> None:
    odd = odd_lines(done, other)
    world.logs.attempt(GROUP, "a", done, 1, *odd)
    found = [text for _, text in lines(world, done)]
    assert found[1:-1] == odd


def test_what_one_run_prints_is_in_no_other_run_s_log(world: World, done: str, other: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1, *odd_lines(done, other), "canary")
    asked = world.get(other, "/logs", token=world.issue("acme"))
    assert asked.status == 200 and asked.json["events"] == []
    world.logs.attempt(GROUP, "b", other, 1, *odd_lines(other, done), "canary")
    assert said(lines(world, done))[-1] == (1, "canary"), "nor does it cut one"


def test_a_page_ends_at_its_bytes_too(world: World, done: str) -> None:
    printed = [f"{n:03}" + '"' * 20_000 for n in range(500)]
    world.logs.attempt(GROUP, "a", done, 1, *printed)
    first = world.get(done, "/logs")
    assert len(json.dumps(first.text)) < 6_000_000 and first.json["next_cursor"]
    assert [text for _, text in said(lines(world, done))] == printed


def test_a_line_larger_than_a_page_is_cut_and_says_so(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1, "\x00" * 1_000_000, "after")
    found = [text for _, text in lines(world, done)]
    assert "(cut: 1000000 characters)" in found[1] and found[2] == "after"


def test_a_busy_log_group_with_empty_pages_gives_a_cursor_and_then_the_lines(world: World, done: str) -> None:
    world.clock.step(60_000)
    world.logs.empty_pages = 25
    world.logs.attempt(GROUP, "a", done, 1, "one")
    world.logs.groups[GROUP]["a"] = [
        (world.head(done).started_at or 0, text) for _, text in world.logs.groups[GROUP]["a"]
    ]
    first = world.get(done, "/logs").json
    assert first["events"] == [] and first["next_cursor"]
    assert said(lines(world, done)) == [(1, "one")]


def test_the_search_begins_with_the_first_attempt_not_with_the_run(world: World) -> None:
    run_id = world.post({"function": "echo", "delay_seconds": 86_400}).json["id"]
    world.clock.step(86_400_000)
    world.store.apply(moves.release(world.head(run_id), world.clock()))
    head = world.head(run_id)
    world.store.apply(moves.claim(run_id, head.generation, world.clock(), 60_000))
    world.get(run_id, "/logs")
    assert world.logs.asked[0]["startTime"] >= world.clock() - 10_000


def test_a_run_that_nobody_has_claimed_costs_no_search(world: World) -> None:
    answer = world.get(world.post().json["id"], "/logs").json
    assert answer["events"] == [] and answer["next_cursor"] and world.logs.calls == []


def test_an_unwrapped_function_has_no_events(world: World) -> None:
    run_id = world.post({"function": "plain", "input": {}}).json["id"]
    world.logs.write("/aws/lambda/t-plain", "a", f'{{"event":"claimed","run_id":"{run_id}","attempt":1}}', "another's")
    assert world.get(run_id, "/logs").json == {"events": [], "next_cursor": None}


def test_a_function_that_left_the_registry_has_no_events_and_its_log_is_not_asked_for(world: World, done: str) -> None:
    """A role reads the groups of functions.toml alone: AWS would refuse any other, and the call would be a 503."""
    world.logs.attempt(GROUP, "a", done, 1, "one")
    registered(world, {})
    assert world.get(done, "/logs").json == {"events": [], "next_cursor": None}
    assert world.logs.calls == []


def test_a_log_group_of_its_own_is_where_functions_toml_says(world: World, done: str) -> None:
    elsewhere = structs.replace(world.service.functions["echo"], log_group="/teams/orders")
    registered(world, {"echo": elsewhere})
    world.logs.attempt(GROUP, "a", done, 1, "not this")
    world.logs.attempt("/teams/orders", "a", done, 1, "one")
    assert said(lines(world, done)) == [(1, "one")]


def test_a_retried_run_is_followed_without_repeating(world: World) -> None:
    run_id = claimed(world)
    world.attempts(run_id, 2)
    for attempt, text in ((1, "one"), (2, "two")):
        world.logs.write(GROUP, "a", world.logs.line("claimed", run_id, attempt), text)
        world.logs.write(GROUP, "a", world.logs.line("attempt_ended", run_id, attempt))
        if attempt == 1:
            first = world.get(run_id, "/logs").json
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert said([(e["attempt"], e["message"]) for e in first["events"] + more["events"]]) == [(1, "one"), (2, "two")]


def test_a_live_run_s_log_is_followed_by_its_cursor(world: World) -> None:
    run_id = claimed(world)
    start = world.get(run_id, "/logs").json
    assert start["events"] == [] and start["next_cursor"]
    world.logs.write(GROUP, "a", world.logs.line("claimed", run_id, 1), "one")
    first = world.get(run_id, "/logs", query={"cursor": start["next_cursor"]}).json
    assert [event["message"] for event in first["events"]][1:] == ["one"]
    world.clock.step(1_000)
    quiet = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    again = world.get(run_id, "/logs", query={"cursor": quiet["next_cursor"]}).json
    assert quiet["events"] == [] and again["next_cursor"] == quiet["next_cursor"]
    world.logs.write(GROUP, "a", "two")
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert [event["message"] for event in more["events"]] == ["two"]


def test_a_retried_run_s_cursor_does_not_repeat_the_first_attempt(world: World) -> None:
    run_id = claimed(world)
    world.logs.attempt(GROUP, "a", run_id, 1, "one")
    first = world.get(run_id, "/logs").json
    world.attempts(run_id, 2)
    world.logs.attempt(GROUP, "a", run_id, 2, "two")
    more = world.get(run_id, "/logs", query={"cursor": first["next_cursor"]}).json
    assert said([(e["attempt"], e["message"]) for e in more["events"]]) == [(2, "two")]


def test_a_late_line_of_a_run_that_has_just_ended_can_still_be_followed(world: World) -> None:
    run_id = world.post().json["id"]
    world.deliver(run_id)
    assert world.get(run_id, "/logs").json["next_cursor"] is not None, "its claim is not in the log yet"
    world.logs.write(GROUP, "a", world.logs.line("claimed", run_id, 1), "one")
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


def test_a_position_that_cloudwatch_has_forgotten_is_400(world: World, done: str) -> None:
    world.logs.attempt(GROUP, "a", done, 1, *["x"] * 9)
    world.logs.page = 2
    cursor = world.get(done, "/logs", query={"limit": "3"}).json["next_cursor"]

    def forgotten(**_asked: Any) -> None:
        raise ClientError({"Error": {"Code": "InvalidParameterException", "Message": "no"}}, "GetLogEvents")

    world.logs.get_log_events = forgotten  # type: ignore[method-assign,assignment]
    assert world.get(done, "/logs", query={"cursor": cursor}).status == 400


def test_a_cursor_of_another_run_is_400(world: World) -> None:
    one, two = world.post().json["id"], world.post().json["id"]
    cursor = world.get(one, "/logs").json["next_cursor"]
    assert world.get(two, "/logs", query={"cursor": cursor}).status == 400
    assert world.get(one, "/logs", query={"cursor": cursor, "attempt": "1"}).status == 400

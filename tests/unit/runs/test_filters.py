"""Which runs a filter means, at its bounds; where they are looked for; and how long a link opens."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.api.filters import ListQuery
from chalicelib.runs import inputs
from chalicelib.runs.filters import MAX_MS, Filters, labels_of, ms
from chalicelib.runs.inputs import wrong
from chalicelib.runs.links import Link, seal, unseal
from chalicelib.runs.walk import newest
from invoke_once.errors import ConfigurationError
from invoke_once.life.head import Head
from invoke_once.store.store import Store
from invoke_once.testing import MemoryTable
from tests.unit.runs.test_dispatch import ECHO, PLAIN

HEAD = Head("run_a", "demo", "echo", "failed", "g", 1_000, 9, 9, key="k", batch="batch_a", labels='{"a":"1","b":"2"}')
LAST = datetime.max.replace(tzinfo=UTC)
ANY = Filters(None, None, (), (), 0, MAX_MS)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({}, True), ({"function": "echo"}, True), ({"function": "other"}, False), ({"key": "k"}, True),
        ({"key": "l"}, False), ({"batch": "batch_a"}, True), ({"batch": "batch_b"}, False),
        ({"statuses": ("failed", "running")}, True), ({"statuses": ("running",)}, False),
        ({"low_ms": 1_000}, True), ({"low_ms": 1_001}, False), ({"high_ms": 1_000}, True), ({"high_ms": 999}, False),
        ({"labels": (("a", "1"), ("b", "2"))}, True), ({"labels": (("a", "1"), ("b", "3"))}, False),
        ({"labels": (("c", "1"),)}, False),
    ],
)  # fmt: skip
def test_a_run_matches_in_everything_that_is_asked_for(asked: dict[str, Any], match: bool) -> None:
    wanted = structs.replace(ANY, **asked)
    assert wanted.match("demo", HEAD) is match
    assert not wanted.match("acme", HEAD)


@pytest.mark.parametrize(("created_ms", "listed"), [(5_000, False), (5_001, True), (6_999, True), (7_000, False)])
def test_bounds_of_a_run_s_creation_are_outside_of_what_is_listed(created_ms: int, listed: bool) -> None:
    after, before = datetime.fromtimestamp(5, UTC), datetime.fromtimestamp(7, UTC)
    asked = ListQuery(created_after=after, created_before=before).filters()
    assert (asked.low_ms <= created_ms <= asked.high_ms) is listed
    assert asked.match("demo", replace(HEAD, created_at=created_ms)) is listed


def test_a_run_without_labels_has_none_that_are_asked_for() -> None:
    assert ANY.match("demo", replace(HEAD, labels=None))
    assert not structs.replace(ANY, labels=(("a", "1"),)).match("demo", replace(HEAD, labels=None))


def test_a_cursor_is_bound_to_all_that_is_asked() -> None:
    wanted = Filters("echo", "k", ("failed",), (("a", "1"),), 1, 2)
    assert wanted.asked == ["echo", "k", ("failed",), (("a", "1"),), 1, 2]
    assert structs.replace(wanted, batch="batch_a").asked == [*wanted.asked, "batch_a"]


def test_labels_are_pairs_in_order_each_once() -> None:
    assert labels_of(["b:2:3", "a:1", "b:2:3", "c"]) == (("a", "1"), ("b", "2:3"), ("c", ""))


@pytest.mark.parametrize(
    ("moment", "at_ms"),
    [(datetime(1969, 12, 31, tzinfo=UTC), 0), (datetime(1970, 1, 1, 0, 0, 1, 2_999, UTC), 1_002),
     (LAST, MAX_MS), (LAST - timedelta(seconds=1), MAX_MS - 1_000)],
)  # fmt: skip
def test_a_moment_is_in_milliseconds_within_what_is_listed(moment: datetime, at_ms: int) -> None:
    assert ms(moment) == at_ms


@pytest.mark.parametrize(
    ("statuses", "index"),
    [((), "by_tenant"), (("failed",), "failed"), (("failed", "timed_out", "expired"), "failed"),
     (("failed", "running"), "by_tenant"), (("cancelled",), "by_tenant")],
)  # fmt: skip
@pytest.mark.parametrize(("limit", "size"), [(1, 6), (4, 7), (100, 31), (376, 100), (1_000, 100)])
def test_runs_are_looked_for_in_the_smallest_index_that_has_them_all(
    statuses: tuple[str, ...], index: str, limit: int, size: int
) -> None:
    store, asked = Store(MemoryTable()), list[Any]()
    store.index = lambda name, shard, **how: (asked.append((name, shard, how)), [])[1]  # type: ignore[method-assign]
    newest(store, "demo", structs.replace(ANY, statuses=statuses, low_ms=3, high_ms=9), None, limit)
    assert [(name, shard) for name, shard, _ in asked] == [(index, f"demo#{n}") for n in range(4)]
    assert all((how["low"], how["high"], how["limit"], how["newest_first"]) == (3, 9, size, True) for *_, how in asked)


LINK = Link("run_" + "a" * 26, 1_800_000_000_000, 1_800_000_060)


def test_a_link_opens_until_its_second() -> None:
    token = seal(b"key", LINK)
    assert unseal([b"other", b"key"], token, 1_800_000_059_999) == LINK
    assert unseal([b"key"], token, 1_800_000_060_000) is None
    assert unseal([b"other"], token, 0) is None
    assert token.startswith("oncelink_") and "=" not in token


def test_a_link_is_to_one_life_of_one_thing() -> None:
    assert (LINK.is_to("run"), LINK.is_to("batch"), Link("batch_a", 1, 1).is_to("batch")) == (True, False, True)
    mine = Head(LINK.id, "demo", "echo", "queued", "g", LINK.created_at, 9, 9)
    assert LINK.opens(mine)
    assert not LINK.opens(replace(mine, created_at=LINK.created_at + 1)) and not LINK.opens(
        replace(mine, run_id="run_b")
    )


@pytest.mark.parametrize("place", range(9, 100, 7))
def test_a_link_that_was_changed_anywhere_opens_nothing(place: int) -> None:
    token = seal(b"key", LINK)
    other = "A" if token[place] != "A" else "B"
    assert unseal([b"key"], token[:place] + other + token[place + 1 :], 0) is None


def test_a_seal_is_24_bytes_before_the_text() -> None:
    data = base64.urlsafe_b64decode(seal(b"key", LINK).removeprefix("oncelink_") + "==")
    assert data[24:] == f"{LINK.id}:{LINK.created_at}:{LINK.expires_at}".encode()


SCHEMA = {"type": "object", "properties": {"a~/b": {"type": "array", "items": {"type": "integer"}}}}


@pytest.mark.parametrize(
    ("value", "at"), [({"a~/b": [1]}, None), ({"a~/b": [1, "x"]}, "/a~0~1b/1"), ([], ""), ({"a~/b": 1}, "/a~0~1b")]
)
def test_what_is_wrong_with_an_input_is_told_with_its_place(value: Any, at: str | None) -> None:
    found = wrong(structs.replace(ECHO, input_schema=SCHEMA), value)
    assert (found and found[0]) == at
    assert found is None or found[1].startswith("input")


def test_a_schema_is_made_into_python_once_and_not_for_each_input() -> None:
    function, made = structs.replace(ECHO, input_schema=dict(SCHEMA)), inputs._compiled.cache_info().misses
    assert [wrong(function, value) for value in ({}, {"a": 1})] == [None, None]
    assert inputs._compiled.cache_info().misses == made + 1


@pytest.mark.parametrize(
    ("schema", "scheduled", "complaint"),
    [
        (SCHEMA, {"a~/b": "x"}, r"\[functions.echo.schedule_input\]/a~0~1b: input"),
        ({"type": 7}, None, r"\[functions.echo.input_schema\] is not a JSON Schema"),
    ],
)
def test_a_schema_that_is_none_or_refuses_its_own_schedule_is_told_before_a_deploy(
    schema: Any, scheduled: Any, complaint: str
) -> None:
    function = structs.replace(ECHO, input_schema=schema, schedule_input=scheduled)
    with pytest.raises(ConfigurationError, match=complaint):
        inputs.check_schemas([function])
    inputs.check_schemas([structs.replace(ECHO, input_schema=SCHEMA, schedule_input={"a~/b": [1]}), ECHO])


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, None), ({}, None), ([], ("", "input of an unwrapped function must be object")),
     ({"invoke_once": 1}, ("/invoke_once", "the name is reserved"))],
)  # fmt: skip
def test_an_unwrapped_function_takes_an_object_without_our_member(value: Any, told: Any) -> None:
    assert wrong(PLAIN, value) == told
    assert wrong(ECHO, value) is None

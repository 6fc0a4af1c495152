"""What makes two direct events the same one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_once import tracked
from invoke_once.errors import ConfigurationError
from invoke_once.handler.direct import keys as direct_keys
from invoke_once.life.keys import RESERVED_KEYS
from tests.unit.direct import events
from tests.unit.direct.world import Body, World

OWN_IDS = [
    (events.eventbridge("e-1"), "e-1"),
    (events.sqs(("m-1", "hello")), "m-1"),
    (events.sns("n-1"), "n-1"),
    (events.s3("a/b.csv", "0055"), "s3:bucket/a/b.csv/ObjectCreated:Put/0055"),
    (events.dynamodb("d-1"), "d-1"),
    (events.dynamodb("d-1", "d-2", "d-9"), "d-1..d-9"),
]


@pytest.mark.parametrize(("event", "expected"), OWN_IDS, ids=[expected for _, expected in OWN_IDS])
def test_an_event_of_aws_has_the_id_its_source_gave_it(event: Any, expected: str) -> None:
    assert direct_keys.own_id(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        None, [], "text", 3, {}, {"id": "x"}, {"Records": []}, {"Records": "no"}, {"Records": ["no"]},
        {"Records": [{"eventSource": "aws:sqs"}]}, {"Records": [{"EventSource": "aws:sns", "Sns": None}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {}}}]}, {"Records": [{"eventSource": "aws:new"}]},
        {"Records": [{"eventSource": "aws:dynamodb", "eventID": "d-1"}, "broken"]},
        {"id": "", "source": "s", "detail-type": "t"},
    ],
)  # fmt: skip
def test_an_event_without_an_id_is_not_given_one(event: Any) -> None:
    assert direct_keys.own_id(event) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Records", "eventSource", "s3", "Sns", "id", "source", "detail-type"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_event_breaks_the_search_for_an_id(event: Any) -> None:
    found = direct_keys.own_id(event)
    assert found is None or 0 < len(found) <= direct_keys.MAX_KEY_CHARS


def test_a_long_key_is_cut_and_told_apart_by_its_hash() -> None:
    long_a, long_b = events.s3("a" * 1000), events.s3("a" * 999 + "b")
    key_a, key_b = direct_keys.own_id(long_a), direct_keys.own_id(long_b)
    assert key_a and key_b and key_a != key_b
    assert len(key_a) <= direct_keys.MAX_KEY_CHARS


def test_a_path_is_looked_up_in_the_event() -> None:
    event = events.eventbridge(detail={"order": {"id": "o-1"}, "number": 17, "pair": [1, {"b": 2, "a": 1}]})
    assert direct_keys.chosen("detail.order.id", event) == "o-1"
    assert direct_keys.chosen("detail.number", event) == "17"
    assert direct_keys.chosen("detail.pair", event) == '[1,{"a":1,"b":2}]'
    assert direct_keys.chosen(lambda found: found["detail"]["number"] + 1, event) == "18"


def test_an_event_without_its_key_is_an_error_that_names_the_path() -> None:
    with pytest.raises(ConfigurationError, match=r"detail\.order_id"):
        direct_keys.chosen("detail.order_id", events.eventbridge())


@pytest.mark.parametrize(
    "found",
    [None, "", "  ", "\n", [], {}, [None, None], {"a": None}, [[], {}, ""], True, False, [False, None], [[None]]],
)
def test_what_tells_no_two_events_apart_is_no_key(found: Any) -> None:
    with pytest.raises(ConfigurationError, match="nothing at its key"):
        direct_keys.chosen(lambda _: found, {})


@pytest.mark.parametrize(
    ("found", "key"), [(0, "0"), (0.0, "0.0"), ([None, 7], "[null,7]"), ({"a": [0]}, '{"a":[0]}'), (" a ", " a ")]
)
def test_what_tells_events_apart_is_a_key(found: Any, key: str) -> None:
    assert direct_keys.chosen(lambda _: found, {}) == key


@pytest.mark.parametrize("found", [{1, 2}, float("nan"), object(), [b"x"]])
def test_a_key_that_is_no_json_is_an_error(found: Any) -> None:
    with pytest.raises(ConfigurationError, match="not JSON"):
        direct_keys.chosen(lambda _: found, {})


def test_several_absent_parts_of_a_key_run_nothing(world: World) -> None:
    body = Body()
    with pytest.raises(ConfigurationError):
        world.call(tracked(key="[user.uid, order_id]")(body), {"a": 1})
    assert (body.count, world.runs()) == (0, [])


def test_events_of_s3_in_one_millisecond_are_told_apart_by_what_happened_and_the_version() -> None:
    def without_sequencer(name: str, version: str) -> dict[str, Any]:
        event = events.s3()
        record = event["Records"][0]
        record["eventName"] = name
        record["s3"]["object"] = {"key": "k", "versionId": version}
        return event

    kinds = [("ObjectTagging:Put", "1"), ("ObjectAcl:Put", "1"), ("ObjectTagging:Delete", "1"), ("ObjectAcl:Put", "2")]
    assert len({direct_keys.own_id(without_sequencer(*kind)) for kind in kinds}) == 4


def test_a_key_is_kept_such_that_utf8_carries_it_and_told_apart() -> None:
    one, other = (direct_keys.chosen("id", {"id": f"caf{odd}"}) for odd in ("\udce9", "\udcea"))
    assert one != other
    (one + other).encode()


def test_no_key_of_a_callers_meets_the_calls_that_no_key_tells_apart(world: World) -> None:
    attached = tracked(attach=True)(Body(lambda event: "mine"))
    assert world.call(attached, {"n": 1}) == "mine"
    (slot,) = world.keys()
    assert slot is not None and slot.startswith(RESERVED_KEYS)
    other = tracked(key="id")(Body(lambda event: "another's"))
    assert world.call(other, {"id": slot}) == "another's"
    assert not str(world.keys()[1]).startswith(RESERVED_KEYS)


@pytest.mark.parametrize("lacks", ["id", "source", "detail-type"])
def test_an_event_of_eventbridge_has_all_three(lacks: str) -> None:
    event = {"id": "e-1", "source": "shop", "detail-type": "order"}
    assert direct_keys.own_id(event) == "e-1"
    assert direct_keys.own_id({name: value for name, value in event.items() if name != lacks}) is None
    assert direct_keys.own_id(event | {"id": ""}) is None


@pytest.mark.parametrize(
    ("more", "found", "key"),
    [
        ({}, {}, "s3:b/k"), ({"eventTime": "t"}, {}, "s3:b/k/t"), ({"eventTime": "t"}, {"sequencer": "s"}, "s3:b/k/s"),
        ({"eventName": "n", "eventTime": "t"}, {"versionId": "v"}, "s3:b/k/v/n/t"),
    ],
)  # fmt: skip
def test_an_event_of_s3_is_told_by_all_that_it_says(more: dict[str, Any], found: dict[str, Any], key: str) -> None:
    record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"} | found}} | more
    assert direct_keys.own_id({"Records": [record]}) == key


def test_a_key_that_is_too_long_keeps_its_first_200_characters_and_is_told_apart_by_its_hash() -> None:
    assert direct_keys._fit("a" * 255) == "a" * 255
    long, other = direct_keys._fit("a" * 256), direct_keys._fit("a" * 257)
    assert long.startswith("a" * 200 + "#") and len(long) == 201 + 43
    assert long != other and long[:201] == other[:201]

"""What makes two direct events the same one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoke_once.errors import ConfigurationError
from invoke_once.handler.direct import keys as direct_keys
from tests.unit.direct import events

OWN_IDS = [
    (events.eventbridge("e-1"), "e-1"),
    (events.sqs(("m-1", "hello")), "m-1"),
    (events.sns("n-1"), "n-1"),
    (events.s3("a/b.csv", "0055"), "s3:bucket/a/b.csv/0055"),
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

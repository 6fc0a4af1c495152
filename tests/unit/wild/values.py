"""Values that handlers return, events they are called with, and errors they raise: ordinary, odd, and none at all."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Point(NamedTuple):
    x: Any
    y: Any = None


Old = namedtuple("Old", "a b")


class Colour(enum.StrEnum):
    RED = "rouge é"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    def __str__(self) -> str:
        return "another"


class Number(int):
    def __repr__(self) -> str:
        return "another"


class Real(float):
    def __repr__(self) -> str:
        return "another"


class Money(Decimal):
    pass


class Odd:
    """No JSON at all."""


texts = st.one_of(
    st.text(max_size=12),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x2F), max_size=6),
    st.sampled_from(["", "é", "\u2028", "\x7f", "</", "\ud83d", "\udce9", "\ud83d\ude00", "😀", '"\\/', "a/b~c"]),
)
numbers = st.one_of(
    st.integers(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e16, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf]),
)
decimals = st.one_of(
    st.decimals(),
    st.sampled_from(
        [Decimal(d) for d in ("12.50", "-0", "1E+2", "0E-10", "1E+999", "-NaN", "sNaN", "Infinity", "100")]
    ),
)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, decimals, texts, st.binary(max_size=5),
    st.sampled_from([Colour.RED, Level.HIGH, Text("é"), Number(7), Real(2.5), Money("1.10"), b"caf\xc3\xa9", True]),
)  # fmt: skip
keys = st.one_of(
    texts,
    st.integers(-3, 3),
    st.booleans(),
    st.none(),
    st.floats(),
    st.binary(max_size=2),
    st.sampled_from([Colour.RED]),
)
no_json = st.sampled_from([Odd(), {1, 2}, object, 1j, bytearray(b"x"), range(3), Point])


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(texts, inner, max_size=2).map(OrderedDict),
        st.dictionaries(texts, inner, max_size=2).map(lambda found: defaultdict(int, found)),
        st.builds(Point, inner, inner),
        st.builds(Old, inner, inner),
    )


#: What a handler may return.
returned = st.recursive(st.one_of(scalars, scalars, scalars, no_json), _nested, max_leaves=12)
#: What Lambda can hand to one: parsed JSON, in which 1e999 is an infinity and a cut emoji a lone surrogate.
events = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)

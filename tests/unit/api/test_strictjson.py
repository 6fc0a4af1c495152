"""JSON bodies at their limits: what is refused, in which words, and what is still read."""

from __future__ import annotations

import pytest

from chalicelib.api import strictjson
from chalicelib.api.problems import InvalidJson


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is empty."), (b" \t\r\n", "The body is empty."),
        (b"\xff", "The body is not UTF-8."), (b'"\\ud800"', "A string has a lone surrogate."),
        (b'{"\\udfff":1}', "A string has a lone surrogate."), (b"{", "The body is not one JSON text."),
        (b"1 2", "The body is not one JSON text."), (b'{"a":1,"\\u0061":2}', "An object has the same name twice."),
        (b"NaN", "NaN and infinities are not JSON."), (b"[-Infinity]", "NaN and infinities are not JSON."),
        (b"1e999", "A number is too large."), (b"-1e999", "A number is too large."),
        (b"1" * 4_301, "A number has too many digits."),
        (b"[" * 65 + b"]" * 65, "The body is nested deeper than 64 levels."),
        (b"[[],[]," + b'{"a":' * 64 + b"1" + b"}" * 64 + b"]", "The body is nested deeper than 64 levels."),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(body: bytes, detail: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        strictjson.parse(body)
    assert refused.value.detail == detail


def test_what_is_within_the_limits_is_read() -> None:
    assert strictjson.parse(b"1" * 4_300) == int("1" * 4_300)
    deep = strictjson.parse(b"[" * 64 + b"]" * 64)
    for _ in range(63):
        (deep,) = deep
    assert deep == []
    assert strictjson.parse(b"[" + b"[[]]," * 40 + b"[" * 63 + b"]" * 63 + b"]")[0] == [[]]
    assert strictjson.parse(b'{"a":[1,1.5,"\\ud83d\\ude00",null,true]}') == {"a": [1, 1.5, "😀", None, True]}
    assert strictjson.parse(b' "x" ') == "x"


def test_a_member_s_text_is_given_byte_for_byte() -> None:
    body = b'{ "b" : [1.50,  "\\u00e9"], "a": null }'
    assert strictjson.member_text(body, "b") == b'[1.50,  "\\u00e9"]'
    assert (strictjson.member_text(body, "a"), strictjson.member_text(body, "c")) == (b"null", None)
    with pytest.raises(InvalidJson) as refused:
        strictjson.member_text(b"[1]", "a")
    assert refused.value.detail == "The body is not one JSON text."

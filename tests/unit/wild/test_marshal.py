"""A handler's values as JSON: what Lambda's own runtime sends, byte for byte, or a refusal that says where."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from hypothesis import HealthCheck, example, given, settings

from invoke_once import tracked
from invoke_once.errors import NotSerializable
from invoke_once.store import marshal
from invoke_once.testing import Bench
from tests.unit.wild import values
from tests.unit.wild.values import Old, Point

POINTER = re.compile(r'at "((?:/(?:[^~/]|~[01])*)*)": ', re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def lambdas() -> Any:
    """The runtime's marshaller, as on the Python that functions are deployed with."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
        yield LambdaMarshaller()


def sent(marshaller: LambdaMarshaller, value: Any) -> bytes | None:
    """What the runtime posts as the result; None: it fails the invocation, or what it posts is no JSON."""
    try:
        text, _ = marshaller.marshal_response(value)
        data = text if isinstance(text, bytes) else text.encode("utf-8")
        assert strict(data) is not ...
    except (FaultException, UnicodeEncodeError, ValueError, AssertionError):
        return None
    return data


def strict(data: bytes) -> Any:
    """The value of a JSON text as the strictest readers have it: no NaN, no infinity, no name twice."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(found)) == len(found)
        return dict(found)

    def number(digits: str) -> float:
        assert abs(float(digits)) != float("inf")
        return float(digits)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_float=number, parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


@settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(value=values.returned)
@example(value={"total": Decimal("12.50"), "p": Point(1, Decimal("-0")), "b": b"caf\xc3\xa9"})
@example(value={1: "a", "1": "b"})
@example(value=[{"a/b~": float("nan")}])
def test_the_bytes_are_the_runtimes_or_a_refusal_says_where(lambdas: LambdaMarshaller, value: Any) -> None:
    theirs = sent(lambdas, value)
    try:
        ours = marshal.dumps(value)
    except NotSerializable as error:
        assert theirs is None, f"refused: {error}"
        assert POINTER.match(str(error)), str(error)
    else:
        assert ours == theirs


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(value=values.returned)
@example(value={"total": Decimal("12.50"), "n": Decimal("-0"), "m": Decimal("1E+2"), "i": Decimal("1" * 5_000)})
@example(value=b'{"a":1,  "b": 12.50}')
@example(value=Point(1, 2))
def test_a_duplicate_is_answered_with_the_bytes_of_the_first(lambdas: LambdaMarshaller, value: Any) -> None:
    try:
        text = marshal.dumps(value)
    except NotSerializable:
        return
    assert sent(lambdas, marshal.answer_of(text)) == text


@settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(event=values.events)
@example(event={"n": float("inf"), "m": -float("inf"), "t": "\ud83d", "k\udce9": [1]})
def test_an_event_is_kept_as_a_json_text_that_reads_as_the_same_event(event: Any) -> None:
    text = marshal.event_text(event)
    as_parsed = json.loads(json.dumps(event), parse_constant=lambda name: None if name == "NaN" else float(name))
    assert repr(json.loads(text, parse_constant=strict)) == repr(as_parsed)


@pytest.mark.parametrize(
    ("value", "where", "why"),
    [
        ({"items": [1, {"total": float("nan")}]}, "/items/1/total", "NaN"),
        ([float("inf")], "/0", "infinity"),
        ({"a/b": {"~": {1, 2}}}, "/a~1b/~0", "a set is not JSON"),
        ({"t": "cut \ud83d"}, "/t", "lone surrogate"),
        ({"\udfff": 1}, "", "lone surrogate"),
        ({"x": {1: "a", "1": "b"}}, "/x", "two keys"),
        ({"x": {(1, 2): 1}}, "/x", "a key of an object is a tuple"),
        ({"d": Decimal("NaN")}, "/d", "NaN"),
        ({"d": Decimal("1E+999")}, "/d", "beyond"),
        ({"b": b"\xff"}, "/b", "not UTF-8"),
        (b"x", "", "not a JSON text"),
        (b'{"a": NaN}', "", "not a JSON text"),
        (Point, "", "a type is not JSON"),
        ({"p": Old(1, object())}, "/p/b", "a object is not JSON"),
        ({"n": 10**5_000}, "/n", "too many digits"),
    ],
)
def test_a_refusal_has_a_pointer_to_the_place(value: Any, where: str, why: str) -> None:
    with pytest.raises(NotSerializable) as refused:
        marshal.dumps(value)
    found = POINTER.match(str(refused.value))
    assert found is not None and found[1] == where and why in str(refused.value)


def test_a_container_in_itself_is_refused_and_one_that_is_there_twice_is_not() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = [loop]
    with pytest.raises(NotSerializable, match='at "/self/0": the value contains itself'):
        marshal.dumps(loop)
    twice = {"x": Decimal("1.0")}
    assert marshal.dumps([twice, twice]) == b'[{"x": 1.0}, {"x": 1.0}]'


@pytest.mark.parametrize("leaf", [1, Decimal("1.5")])
def test_nesting_is_kept_to_a_depth_and_refused_beyond(leaf: Any) -> None:
    def nested(levels: int) -> Any:
        value = leaf
        for _ in range(levels):
            value = [value]
        return value

    assert marshal.dumps(nested(500)).count(b"[") == 500
    with pytest.raises(NotSerializable, match="nested too deeply"):
        marshal.dumps(nested(200_000))


def test_a_decimal_is_a_success_and_its_digits_are_kept() -> None:
    bench, bodies = Bench(), []

    @tracked(key="id")
    def handler(event: Any, _context: Any) -> Any:
        bodies.append(event)
        return {"total": Decimal("12.50"), "at": Point(1, 2)}

    first, second = bench.call(handler, {"id": "a"}), bench.call(handler, {"id": "a"})
    assert marshal.dumps(first) == marshal.dumps(second) == b'{"total": 12.50, "at": {"x": 1, "y": 2}}'
    assert len(bodies) == 1 and bench.runs()[0].output == {"total": 12.5, "at": {"x": 1, "y": 2}}


def test_an_event_is_kept_in_few_bytes() -> None:
    assert marshal.event_text({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"1", 1), (b"-0", Decimal("-0")), (b"1.5", 1.5), (b"12.50", Decimal("12.50")), (b"1E+2", Decimal("1E+2"))],
)  # fmt: skip
def test_a_number_is_read_as_python_would_have_it_where_that_writes_the_same(text: bytes, value: Any) -> None:
    found = marshal.answer_of(text)
    assert (type(found), found) == (type(value), value)

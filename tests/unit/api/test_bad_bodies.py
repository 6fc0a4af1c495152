"""Bad bodies and keys, row by row: which status, which problem; and that nothing was written or fired for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app import app
from chalicelib.api.call import MAX_BODY_BYTES
from chalicelib.api.routes import entries
from tests.unit.api.refusals import nothing_is_left, refused
from tests.unit.api.world import World, event

__all__ = ["nothing_is_left"]


INVALID_JSON = {
    "empty": b"",
    "spaces": b"  \n",
    "cut": b"{",
    "comma": b'{"function":"echo",}',
    "single quotes": b"{'function':1}",
    "trailing": b'{"function":"echo"}x',
    "two texts": b'{"function":"echo"}{}',
    "comment": b'{"function":"echo"/**/}',
    "leading zero": b'{"function":"echo","input":01}',
    "plus": b'{"function":"echo","input":+1}',
    "no digit": b'{"function":"echo","input":.5}',
    "hex": b'{"function":"echo","input":0x10}',
    "not utf-8": b'{"function":"\xff"}',
    "overlong": b'{"function":"\xc0\xaf"}',
    "cesu": b'{"function":"\xed\xa0\x80"}',
    "bom": b'\xef\xbb\xbf{"function":"echo"}',
    "utf-16": '{"function":"echo"}'.encode("utf-16"),
    "utf-16 without mark": '{"function":"echo"}'.encode("utf-16-le"),
    "utf-32": '{"function":"echo"}'.encode("utf-32"),
    "raw control": b'{"function":"ec\nho"}',
    "nul": b'{"function":"echo"}\0',
    "NaN": b'{"function":"echo","input":NaN}',
    "Infinity": b'{"function":"echo","input":[Infinity]}',
    "-Infinity": b'{"function":"echo","input":-Infinity}',
    "1e999": b'{"function":"echo","input":1e999}',
    "-1e999": b'{"function":"echo","input":-1e999}',
    "4301 digits": b'{"function":"echo","input":' + b"1" * 4301 + b"}",
    "same name": b'{"function":"echo","function":"fail"}',
    "same name inside": b'{"function":"echo","input":{"a":1,"a":1}}',
    "same name escaped": b'{"function":"echo","input":{"a":1,"\\u0061":2}}',
    "lone surrogate": b'{"function":"echo","input":"\\ud800"}',
    "lone low": b'{"function":"echo","input":"\\udc00\\ud800"}',
    "lone surrogate in a name": b'{"function":"echo","input":{"\\uD800":1}}',
    "65 deep": b'{"function":"echo","input":' + b"[" * 64 + b"]" * 64 + b"}",
    "deep objects": b'{"function":"echo","input":' + b'{"a":' * 1000 + b"1" + b"}" * 1000 + b"}",
    "very deep": b'{"function":"echo","input":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep and open": b"[" * 100_000,
    "deep behind strings": b'{"function":"[]{}","input":["\\"[",' + b"[" * 70 + b"]" * 70 + b"]}",
}


class TestBodies:
    @pytest.mark.parametrize("name", INVALID_JSON)
    def test_what_is_not_strict_json_is_400(self, world: World, name: str) -> None:
        refused(world.post_raw(INVALID_JSON[name]), 400, "invalid-json")

    @pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b"true", b"[{}]"])
    def test_json_that_is_no_object_is_422(self, world: World, body: bytes) -> None:
        refused(world.post_raw(body), 422, "invalid-request")

    def test_a_body_that_is_not_the_base64_it_is_said_to_be_is_400(self, world: World) -> None:
        raw = event("POST", "/runs", {}, {}, {"Authorization": f"Bearer {world.token}"}, b"{}")
        refused(world.send(raw | {"body": "not base64!"}), 400, "invalid-body")

    def test_a_body_over_the_limit_is_413(self, world: World) -> None:
        body = b'{"function":"echo","input":"' + b"x" * MAX_BODY_BYTES + b'"}'
        refused(world.post_raw(body), 413, "too-large")


WITHOUT_OPTIONS = sorted(
    entry.uri_pattern for entry in entries(app) if entry.method == "POST" and entry.view_function.about.body is None
)


class TestPostsWithoutOptions:
    """`POST /batches/{id}/retry {"from": "start"}` would do what it does without: so it is refused, not passed over."""

    @pytest.mark.parametrize("route", WITHOUT_OPTIONS)
    def test_an_option_is_refused_and_an_empty_object_is_none(self, world: World, route: str) -> None:
        known = {"name": "echo"} if "{name}" in route else {re.findall(r"{(\w+)}", route)[0]: "run_" + "a" * 26}
        problem = refused(world.call("POST", route, body=b'{"from":"start"}', **known), 422, "invalid-request")
        assert problem["errors"][0]["pointer"] == "/from"
        refused(world.call("POST", route, body=b"nonsense", **known), 400, "invalid-json")
        refused(world.call("POST", route, body=b"[]", **known), 422, "invalid-request")
        if "name" not in known:
            refused(world.call("POST", route, body=b" {} ", **known), 404)

    def test_they_are_these(self) -> None:
        assert {"/runs/{run_id}/cancel", "/batches/{batch_id}/retry", "/bulk/{bulk_id}/stop"} <= {*WITHOUT_OPTIONS}


WRONG_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("/function", {"function": 7}),
    ("/function", {}),
    ("/inpt", {"function": "echo", "inpt": 1}),
    *[
        (f"/{name}", {"function": "echo", name: "x"})
        for name in ("status", "tenant", "attempt", "run_id", "output", "id")
    ],
    *[
        (f"/{name}", {"function": "echo", name: value})
        for name in ("delay_seconds", "queue_timeout_seconds")
        for value in ("5", True, 1.5, -1, 10**12, 10**40, None, [], {}, 1e300)
    ],
    ("/queue_timeout_seconds", {"function": "echo", "queue_timeout_seconds": 0}),
    ("/retry", {"function": "echo", "retry": 3}),
    ("/retry", {"function": "echo", "retry": None}),
    ("/retry/max_attempts", {"function": "echo", "retry": {"max_attempts": 0}}),
    ("/retry/max_attempts", {"function": "echo", "retry": {"max_attempts": 10**9}}),
    ("/retry/max_attempts", {"function": "echo", "retry": {"max_attempts": "3"}}),
    ("/retry/max_attempts", {"function": "echo", "retry": {"max_attempts": True}}),
    ("/retry/backoff_seconds", {"function": "echo", "retry": {"backoff_seconds": -1}}),
    ("/retry/jitter", {"function": "echo", "retry": {"jitter": False}}),
    ("/labels", {"function": "echo", "labels": [1]}),
    ("/labels", {"function": "echo", "labels": {"a": {}}}),
    ("/labels", {"function": "echo", "labels": {"a": 1}}),
    ("/labels", {"function": "echo", "labels": {"a\r\nb": "x"}}),
    ("/labels", {"function": "echo", "labels": {"a": "x\ny"}}),
    ("/labels", {"function": "echo", "labels": {"": "x"}}),
    ("/labels", {"function": "echo", "labels": {"a:b": "x"}}),
    ("/labels", {"function": "echo", "labels": {str(n): "x" for n in range(11)}}),
    ("/labels", {"function": "echo", "labels": {"a": "x" * 129}}),
    ("/if_failed", {"function": "echo", "if_failed": "again"}),
    ("/callback", {"function": "echo", "callback": "https://example.com"}),
    ("/callback/url", {"function": "echo", "callback": {}}),
    ("/callback/secret", {"function": "echo", "callback": {"url": "https://example.com/", "secret": "x"}}),
    ("/callback/url", {"function": "echo", "callback": {"url": "https://10.0.0.1/"}}),
    ("/callback/url", {"function": "echo", "callback": {"url": "ftp://example.com/"}}),
    ("/callback/url", {"function": "echo", "callback": {"url": "https://u:p@example.com/"}}),
    ("/callback/url", {"function": "echo", "callback": {"url": "https://e.example/" + "x" * 2048}}),
    ("/input", {"function": "strict"}),
    ("/input", {"function": "plain", "input": [1]}),
    ("/input", {"function": "plain", "input": "x"}),
    ("/input/invoke_once", {"function": "plain", "input": {"invoke_once": {}}}),
    ("/input", {"function": "strict", "input": {}}),
    ("/input/n", {"function": "strict", "input": {"n": "1"}}),
    ("/input/n", {"function": "strict", "input": {"n": True}}),
]


class TestFields:
    @pytest.mark.parametrize(("pointer", "document"), WRONG_FIELDS)
    def test_a_wrong_field_is_422_with_a_pointer_to_it(
        self, world: World, pointer: str, document: dict[str, Any]
    ) -> None:
        problem = refused(world.post(document), 422, "invalid-request")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]

    def test_a_name_that_a_pointer_has_to_escape_is_escaped(self, world: World) -> None:
        problem = refused(world.post({"function": "echo", "a/b~c": 1}), 422)
        assert problem["errors"][0]["pointer"] == "/a~1b~0c"

    @pytest.mark.parametrize(
        "name",
        ["nope", "../x", "$LATEST", "echo:1", "arn:aws:lambda:us-east-1:1:function:echo", "", "é", "x" * 300, "t-echo"],
    )
    def test_an_unknown_function_is_404_with_the_same_bytes(self, world: World, name: str) -> None:
        answer = world.post({"function": name})
        refused(answer, 404, "not-found")
        assert answer.text == world.post({"function": "other"}).text

    def test_nothing_that_was_sent_comes_back_in_a_problem(self, world: World) -> None:
        canary = "canary-4711"
        for document in (
            {"function": canary},
            {"function": "echo", "if_failed": canary},
            {"function": "echo", "retry": canary},
            {"function": "strict", "input": {"n": canary}},
            {"function": "echo", "callback": {"url": f"http://{canary}"}},
            {"function": "echo", "labels": {"a": canary * 20}},
            {"function": "strict", "input": canary},
        ):
            assert canary not in world.post(document).text


class TestIdempotencyKeys:
    @pytest.mark.parametrize(
        "key",
        [
            "",
            " ",
            '""',
            '"abc',
            'abc"',
            '"a"b"',
            '"a\\b"',
            '"a";p=1',
            "a, b",
            "a b",
            '("a" "b")',
            ":YWJj:",
            "?1",
            "é",
            "😀",
            "a\tb",
            '"a\tb"',
            "a\x7f",
            "\0",
            "a\r\nb",
            '"' + "k" * 256 + '"',
            "k" * 256,
            '"' + "k" * 8_000 + '"',
            "payload:47DEQpj8HBSa-_TImW-5JC:1",  # of direct calls alone
            '"payload:"',
        ],
    )
    def test_what_is_no_key_is_400(self, world: World, key: str) -> None:
        refused(world.post(headers={"Idempotency-Key": key}), 400, "invalid-idempotency-key")

    @pytest.mark.parametrize("keys", [["a", "b"], ["a", "a"], ['"a"', '"a"']])
    def test_two_are_400(self, world: World, keys: list[str]) -> None:
        refused(world.post(headers={"Idempotency-Key": keys}), 400, "invalid-idempotency-key")

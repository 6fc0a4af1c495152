"""Bad methods, paths, media types, queries, tokens, events: which status, which problem."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api.front import METHODS
from tests.unit.api.refusals import nothing_is_left, refused
from tests.unit.api.world import Answered, World, event

__all__ = ["nothing_is_left"]


class TestMethodsAndPaths:
    @pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO", ""])
    def test_a_wrong_method_is_405_and_names_the_right_ones(self, world: World, method: str) -> None:
        answer = world.call(method, "/runs")
        refused(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "GET, POST"

    def test_the_gateway_knows_every_method_of_every_path(self, world: World) -> None:
        for path in world.api.routes:
            assert set(world.api.routes[path]) == set(METHODS)

    @pytest.mark.parametrize("path", ["/nope", "//runs", "/runs/", "/v1/runs", "x" * 8_000])
    def test_an_unknown_path_is_404(self, world: World, path: str) -> None:
        refused(world.call("GET", path), 404, "not-found")

    @pytest.mark.parametrize(
        "run_id",
        [
            "",
            "x",
            "../",
            "%00",
            "\0",
            "run_",
            "run_" + "A" * 26,
            "run_" + "a" * 27,
            "run_" + "a" * 26 + "\n",
            "*",
            "#",
            "😀",
            "a" * 8_000,
            "run_aaaaaaaaaaaaaaaaaaaaaaaaa1",
            "slot_" + "a" * 26,
        ],
    )
    @pytest.mark.parametrize("part", ["", "/output", "/input", "/logs", "/deliveries"])
    def test_what_is_no_run_id_is_404_without_a_read(self, world: World, run_id: str, part: str) -> None:
        refused(world.get(run_id, part), 404, "not-found")
        assert world.engine.calls == []

    def test_a_run_id_that_nobody_has_gives_the_same_bytes_as_one_that_is_none(self, world: World) -> None:
        assert world.get("run_" + "a" * 26).text == world.get("../").text

    def test_method_override_is_ignored(self, world: World) -> None:
        answer = world.call("GET", "/runs", headers={"X-HTTP-Method-Override": "DELETE"})
        assert answer.status == 200


class TestMediaTypes:
    @pytest.mark.parametrize(
        "media_type",
        [
            "",
            "text/plain",
            "text/json",
            "*/*",
            "application/*",
            "application/x-www-form-urlencoded",
            "json",
            "multipart/form-data; boundary=x",
            "application/problem+json",
            "text/plain, application/json",
            "application/json, text/plain",
            "application/json; charset=latin-1",
            "application/json; charset=utf-16",
            "application/json;charset",
            'application/json; charset="utf-8',
            "application/json\r\nx: y",
            "application/json/x",
        ],
    )
    def test_any_but_json_in_utf8_is_415(self, world: World, media_type: str) -> None:
        answer = world.post(headers={"Content-Type": media_type})
        refused(answer, 415, "unsupported-media-type")
        assert media_type.strip() in ("", "json") or media_type not in answer.text

    def test_none_at_all_or_two_are_415(self, world: World) -> None:
        raw = event("POST", "/runs", {}, {}, {"Authorization": f"Bearer {world.token}"}, b'{"function":"echo"}')
        refused(world.send(raw), 415)
        refused(world.post(headers={"Content-Type": ["application/json", "application/json"]}), 415)

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x"])
    def test_a_content_coding_is_415_and_nothing_is_unpacked(self, world: World, coding: str) -> None:
        refused(world.post(headers={"Content-Encoding": coding}), 415)


class TestQueries:
    @pytest.mark.parametrize(
        "limit", ["-1", "0", "101", "1e9", "1.5", "abc", "１", "0x10", "+1", "1_0", " 1 ", "1\n", "", "1000", "٣"]
    )
    def test_a_limit_is_a_number_from_1_to_100(self, world: World, limit: str) -> None:
        refused(world.call("GET", "/runs", query={"limit": limit}), 400, "invalid-parameter")

    @pytest.mark.parametrize("limit", ["1", "100", "007"])
    def test_a_good_limit_is_taken(self, world: World, limit: str) -> None:
        assert world.call("GET", "/runs", query={"limit": limit}).status == 200

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("status", "odd"),
            ("status", ""),
            ("status", "failed,"),
            ("status[]", "failed"),
            ("label", "x"),
            ("label", ":x"),
            ("function", ""),
            ("key", ""),
            ("key", "k" * 256),
            ("tenant", "other"),
            ("nope", "1"),
            ("token", "t"),
            *[
                (name, value)
                for name in ("created_after", "created_before")
                for value in (
                    "yesterday",
                    "",
                    "2026-01-01",
                    "2026-01-01T00:00:00",
                    "2026-02-30T00:00:00Z",
                    "2026-01-01T25:00:00Z",
                    "1700000000",
                    "２026-01-01T00:00:00Z",
                    "2026-01-01T00:00:60Z",
                    "2026-01-01T00:00:00Z\n",
                )
            ],
        ],
    )
    def test_an_odd_parameter_is_400(self, world: World, name: str, value: str) -> None:
        refused(world.call("GET", "/runs", query={name: value}), 400, "invalid-parameter")

    @pytest.mark.parametrize("name", ["limit", "function", "key", "created_after", "created_before", "cursor"])
    def test_what_may_be_given_once_is_400_when_given_twice(self, world: World, name: str) -> None:
        refused(world.call("GET", "/runs", query={name: ["1", "1"]}), 400)

    def test_a_call_that_knows_no_parameters_refuses_them(self, world: World) -> None:
        refused(world.get("run_" + "a" * 26, query={"x": "1"}), 400)
        refused(world.post(query={"tenant": "other"}), 400)

    @pytest.mark.parametrize("attempt", ["0", "-1", "x", "", "1.0", "9" * 9])
    def test_an_odd_attempt_is_400(self, world: World, attempt: str) -> None:
        world.bench.table.writes -= 1
        world.targets.fired.clear()
        run_id = world.post().json["id"]
        world.targets.fired.clear()
        refused(world.get(run_id, "/logs", query={"attempt": attempt}), 400, "invalid-parameter")


class TestTokens:
    def bad(self, world: World) -> dict[str, str | list[str]]:
        good = world.token
        return {
            "empty": "",
            "scheme alone": "Bearer",
            "no token": "Bearer ",
            "basic": "Basic " + "a" * 20,
            "short": "Bearer x",
            "odd": "Bearer once_a_b",
            "longer": f"Bearer {good}x",
            "other secret": "Bearer " + good[:-1] + ("A" if good[-1] != "A" else "B"),
            "other id": "Bearer once_" + "0" * 16 + good[21:],
            "10 kB": "Bearer " + "A" * 10_000,
            "two": f"Bearer {good} {good}",
            "unicode": "Bearer ünï",
            "no scheme": good,
            "comma": f"Bearer {good}, Bearer {good}",
            "line": f"Bearer {good}\n",
            "twice": [f"Bearer {good}", f"Bearer {good}"],
            "expired": "Bearer " + world.issue("demo", expires_in_s=0),
        }

    def test_without_a_valid_token_all_is_401_with_one_body(self, world: World) -> None:
        none = world.call("GET", "/runs", token=None)
        for name, value in self.bad(world).items():
            answer = world.call("GET", "/runs", headers={"Authorization": value})
            refused(answer, 401, "unauthenticated")
            assert answer.text == none.text, name
            assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_a_token_in_the_query_is_401(self, world: World) -> None:
        for name in ("token", "access_token", "authorization"):
            refused(world.call("GET", "/runs", token=None, query={name: world.token}), 401)

    def test_401_comes_before_anything_is_said_of_the_body(self, world: World) -> None:
        refused(world.post_raw(b"{", token=None), 401)

    def test_a_malformed_token_costs_no_read_and_an_unknown_one_costs_one(self, world: World) -> None:
        world.call("GET", "/runs", headers={"Authorization": "Bearer x"})
        assert world.tokens.reads == 0
        for _ in range(3):
            world.call("GET", "/runs", headers={"Authorization": "Bearer once_0123456789abcdef_" + "x" * 43})
        assert world.tokens.reads == 1

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
    def test_the_scheme_s_case_does_not_matter(self, world: World, scheme: str) -> None:
        assert world.call("GET", "/runs", headers={"Authorization": f"{scheme} {world.token}"}).status == 200

    def test_the_header_s_case_does_not_matter(self, world: World) -> None:
        assert world.call("GET", "/runs", token=None, headers={"aUTHORIZATION": f"Bearer {world.token}"}).status == 200


class TestEvents:
    @pytest.mark.parametrize(
        "odd", [None, {}, [], "x", {"requestContext": None}, {"Records": []}, {"requestContext": {}}]
    )
    def test_what_is_no_request_is_answered_all_the_same(self, world: World, odd: Any) -> None:
        refused(world.send(odd) if isinstance(odd, dict) else _answered(world, odd), 404)

    def test_null_headers_and_no_multi_value_headers_are_read(self, world: World) -> None:
        raw = event("GET", "/healthz", {}, {}, {}, None)
        assert world.send(raw | {"headers": None, "multiValueHeaders": None}).status == 200
        single = event("GET", "/runs", {}, {}, {"Authorization": f"Bearer {world.token}"}, None)
        assert world.send(single | {"multiValueHeaders": None}).status == 200

    def test_a_body_that_is_not_in_base64_is_read_too(self, world: World) -> None:
        raw = event("POST", "/runs", {}, {}, {"Authorization": f"Bearer {world.token}"}, b"x")
        raw["headers"]["Content-Type"] = "application/json"
        refused(world.send(raw | {"body": '{"function":"nope"}', "isBase64Encoded": False}), 404)
        refused(world.send(raw | {"body": '{"function":"\ud800"}', "isBase64Encoded": False}), 400)


def _answered(world: World, odd: Any) -> Answered:
    answer = world.api(odd, None)
    return Answered(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"])

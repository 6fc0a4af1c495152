"""What looks odd and is right: it makes runs."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.api.world import FUNCTIONS, World


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json ; charset=UTF-8",
        "application/json;",
    ],
)
def test_json_however_it_is_written(world: World, media_type: str) -> None:
    assert world.post(headers={"Content-Type": media_type}).status == 202


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",
        "18446744073709551616",
        "1" + "0" * 40,
        "-0.0",
        "1e-999",
        "0.1000000000000000055",
        '"\\u0000"',
        '"\u2028\u202e"',
        '{"__proto__":1,"":2,"$ref":3,"invoke_once":4}',
        '"\\ud83d\\ude00"',
        '{"\u00e9":1,"e\u0301":2}',
        "[" * 63 + "]" * 63,
        '"' + "[" * 500 + '"',
        '{"a":{"a":{"a":1}}}',
        "null",
        "  7 ",
    ],
)
def test_an_input_is_kept_exactly(world: World, text: str) -> None:
    answer = world.post_raw(b'{"function":"echo","input":' + text.encode() + b"}")
    assert answer.status == 202, answer.text
    assert world.get(answer.json["id"], "/input").text == text.strip()


@pytest.mark.parametrize("bare", ["8e03978e-40d5-43dd-bc93-6894a57f9324", "a:b/c=d", "order#4711", "%41", "k" * 255])
def test_a_bare_key_and_a_quoted_one_are_one_key(world: World, bare: str) -> None:
    first = world.post(headers={"Idempotency-Key": bare}).json
    assert world.post(headers={"Idempotency-Key": f'"{bare}"'}).json["id"] == first["id"]
    assert first["idempotency_key"] == bare


def test_escapes_in_a_quoted_key_are_undone(world: World) -> None:
    assert world.post(headers={"Idempotency-Key": '"a\\"b\\\\c d"'}).json["idempotency_key"] == 'a"b\\c d'


def test_keys_differ_by_case_and_by_function_and_tenant(world: World) -> None:
    other = world.issue("acme")
    ids = [
        world.post({"function": function}, headers={"Idempotency-Key": key}, token=token).json["id"]
        for function in ("echo", "fail")
        for key in ("a", "A")
        for token in ("", other)
    ]
    assert len(set(ids)) == 8


def test_another_callback_or_option_under_the_same_key_is_422(world: World) -> None:
    key = {"Idempotency-Key": "k"}
    assert world.post({"function": "echo"}, headers=key).status == 202
    for more in (
        {"callback": {"url": "https://example.com/"}},
        {"delay_seconds": 1},
        {"labels": {"a": "b"}},
        {"retry": {"max_attempts": 2}},
        {"queue_timeout_seconds": 60},
    ):
        answer = world.post({"function": "echo", **more}, headers=key)
        assert answer.status == 422 and answer.json["type"] == "urn:invoke-once:idempotency-key-reused"


def test_whole_floats_are_integers(world: World) -> None:
    assert world.post({"function": "echo", "delay_seconds": 3.0, "retry": {"max_attempts": 2.0}}).status == 202
    assert world.post({"function": "strict", "input": {"n": 3.0}}).status == 202


def test_a_large_flat_array_takes_less_than_a_second_of_cpu(world: World) -> None:
    began = time.process_time()
    assert world.post_raw(b'{"function":"echo","input":[' + b"1," * 1_000_000 + b"1]}").status == 202
    assert time.process_time() - began < 3


@pytest.mark.parametrize("accept", ["text/html", "image/*", "\x00", "application/xml;q=0", ""])
def test_accept_never_breaks_an_answer(world: World, accept: str) -> None:
    assert world.call("GET", "/runs", headers={"Accept": accept}).json["runs"] == []


@pytest.mark.parametrize("tag", ["garbage", "", '"', 'W/"', "*x", "a" * 9_000])
def test_a_garbled_if_none_match_is_ignored(world: World, tag: str) -> None:
    run_id = world.post().json["id"]
    assert world.get(run_id, headers={"If-None-Match": tag, "Range": "bytes=0-1"}).status == 200


def test_host_headers_do_not_get_into_answers(world: World) -> None:
    spoof = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    answer = world.post(headers=spoof)
    assert "evil" not in answer.text and "evil" not in json.dumps(dict(answer.headers))


def test_every_function_here_is_used() -> None:
    assert set(FUNCTIONS) == {"echo", "fail", "plain", "strict"}

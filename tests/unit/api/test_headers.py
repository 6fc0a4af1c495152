"""Request headers at their limits, and the headers that answers have."""

from __future__ import annotations

import pytest

from chalicelib.api import call, cors, headers, problems, waiting
from chalicelib.api.auth import bearer
from chalicelib.api.problems import InvalidKey, UnsupportedMediaType
from chalicelib.runs.limits import OverLimit
from invoke_once.errors import PayloadTooLarge, StoreUnavailable

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ALL = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def test_every_value_of_an_event_s_headers_is_found() -> None:
    event = {"multiValueHeaders": {"A": ["1", 2], "a": ["3"], "B": None}, "headers": {"A": "9", "C": "4", "D": None}}
    assert headers.of_event(event) == {"a": ["1", "2", "3"], "b": [], "c": ["4"], "d": []}
    assert headers.of_event({}) == headers.of_event({"headers": None, "multiValueHeaders": 7}) == {}


def test_a_media_type_has_a_length_and_a_coding_may_be_named_that_changes_nothing() -> None:
    def taken(media_type: str, *codings: str) -> bool:
        try:
            headers.require_json({"content-type": [media_type], "content-encoding": codings})
        except UnsupportedMediaType:
            return False
        return True

    long = "application/json;a=" + "b" * (1_000 - 19)
    assert (taken(long), taken(f"{long}b")) == (True, False)
    assert taken("application/json", "identity", " Identity ", "") and not taken("application/json", "identity", "gzip")
    assert taken(" application/json\t") and taken('application/json; charset="UTF8"') and not taken("json")


def test_a_key_is_quoted_or_bare() -> None:
    def key(*sent: str) -> str | None:
        return headers.idempotency_key({"idempotency-key": sent})

    assert (key(), key('"a b"'), key(" a\t"), key(r'"a\"b\\"')) == (None, "a b", "a", 'a"b\\')
    assert key("k" * 255) == key(f'"{"k" * 255}"') == "k" * 255
    long = "An Idempotency-Key has 1 to 255 characters."
    for sent, detail in (
        (("a", "b"), "Send one Idempotency-Key."), (('""',), long), (("k" * 256,), long),
        (("a b",), 'An Idempotency-Key is a quoted string of visible ASCII characters: "my-key".'),
        (("payload:x",), "Keys that begin with payload: are made by direct calls alone."),
    ):  # fmt: skip
        with pytest.raises(InvalidKey) as refused:
            key(*sent)
        assert refused.value.detail == detail


def test_a_trace_is_taken_as_it_came() -> None:
    def trace(parents: list[str], states: list[str]) -> tuple[str | None, str | None]:
        return headers.trace_context({"traceparent": parents, "tracestate": states})

    assert trace([f" {TRACE}\t"], ["a=1", "b=2 "]) == (TRACE, "a=1,b=2") and trace([TRACE], []) == (TRACE, None)
    assert trace([TRACE], ["a" * 512]) == (TRACE, "a" * 512) and trace([TRACE], ["a" * 513]) == (TRACE, None)
    assert trace([TRACE, TRACE], ["a=1"]) == trace([], ["a=1"]) == trace(["x"], ["a=1"]) == (None, None)


def test_which_states_and_types_a_caller_names() -> None:
    for value, known in (
        ('"a"', True),
        ('W/"a"', True),
        ("*", True),
        (' "b" , W/"a"', True),
        ("a", False),
        ('"b"', False),
    ):
        assert headers.matches_etag({"if-none-match": [value]}, 'W/"a"') is known, value
    assert headers.matches_etag({"if-none-match": ['"b"', '"a"']}, '"a"') and not headers.matches_etag({}, '"a"')
    assert headers.accepts({"accept": ["text/html", "a/b;q=1, Text/X ; q=0"]}, "text/x")
    assert not headers.accepts({"accept": ["text/html"]}, "text/x") and not headers.accepts({}, "text/x")


def test_a_bearer_token_is_one_and_has_its_length() -> None:
    def sent(*values: str) -> str:
        return bearer({"authorization": values})

    assert (sent("Bearer abc"), sent(" bearer  abc "), sent("Bearer " + "x" * 512)) == ("abc", "abc", "x" * 512)
    assert {sent(), sent("Bearer a", "Bearer a"), sent("Bearer " + "x" * 513), sent("Basic a"), sent("Bearer")} == {""}


def test_how_long_a_caller_prefers_to_wait() -> None:
    for values, seconds in (
        (["wait=7"], 7), (['Wait = "7" ; x'], 7), (["a", "respond-async, wait=3, wait=5"], 3), (["wait=25"], 25),
        (["wait=26"], 25), (["wait=0"], 0), (["wait=1234567"], None), (["wait=-1"], None), ([], None),
        (["wait=7;\nx"], 7),
    ):  # fmt: skip
        assert waiting.wait_seconds({"prefer": values}) == seconds, values


def test_other_sites_are_told_what_they_may_do() -> None:
    readable = (
        "ETag, Idempotent-Replayed, Location, Preference-Applied, Retry-After, WWW-Authenticate, "
        "x-amzn-Remapped-WWW-Authenticate"
    )
    assert {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": readable} == cors.ANSWER
    before = cors.preflight()
    assert (before.status_code, before.body, before.headers) == (204, "", {
        "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "7200",
        "Access-Control-Allow-Headers": "Accept, Authorization, If-None-Match, Prefer", "Cache-Control": "no-store",
    })  # fmt: skip
    site = cors.preflight_of("https://a.example", ["GET", "POST"])
    assert (site.status_code, site.body, site.headers) == (204, "", {
        "Access-Control-Allow-Origin": "https://a.example", "Vary": "Origin",
        "Access-Control-Expose-Headers": readable, "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, "
        "traceparent, tracestate", "Access-Control-Max-Age": "7200", "Cache-Control": "no-store",
    })  # fmt: skip
    asks = {"origin": ["https://a.example"], "access-control-request-method": ["POST", "GET"]}
    assert cors.is_preflight(asks) and cors.site(asks | {"origin": ["x", "y"]}) == "y" and cors.site({}) == ""
    for other in ({}, {"origin": ["a"]}, {"access-control-request-method": ["GET"]},
                  asks | {"access-control-request-method": ["GET", "POST"]}):  # fmt: skip
        assert not cors.is_preflight(other)


def test_every_error_has_its_whole_answer() -> None:
    def answer(error: Exception) -> tuple[int, dict[str, object], str, dict[str, object]]:
        noted: dict[str, object] = {}
        found = call.reply_problem(error, noted)
        extra = {name: value for name, value in found.headers.items() if (name, value) not in ALL.items()}
        assert extra.pop("Content-Type") == "application/problem+json"
        return found.status_code, extra, found.body, noted

    def told(kind: str, title: str, status: int, detail: str = "") -> str:
        more = f',"detail":"{detail}"' if detail else ""
        return f'{{"type":"urn:invoke-once:{kind}","title":"{title}","status":{status}{more}}}'

    over = told("too-many-requests", "Too many requests", 429, "slow")
    assert answer(OverLimit("slow", 7)) == (429, {"Retry-After": "7"}, over, {})
    assert answer(problems.TooManyRequests("slow", 0))[1] == {"Retry-After": "1"}
    large = told("too-large", "The request is too large", 413, "The input has 9.")
    assert answer(PayloadTooLarge("the input has 9")) == (413, {}, large, {})
    away = told("unavailable", "The service is not available now", 503, "Repeating the call is safe.")
    assert answer(StoreUnavailable("no answer")) == (503, {"Retry-After": "2"}, away, {"cause": "no answer"})
    ours = told("internal", "The service made a mistake", 500)
    assert answer(KeyError("secret")) == (500, {}, ours, {"cause": "KeyError at "})
    media = "Send application/json in UTF-8, without a content coding."
    kind = told("unsupported-media-type", "The request's media type is not supported", 415, media)
    assert answer(UnsupportedMediaType()) == (415, {"Accept-Post": "application/json"}, kind, {})
    allowed = told("method-not-allowed", "The method is not allowed here", 405)
    assert answer(problems.MethodNotAllowed(["GET", "POST"])) == (405, {"Allow": "GET, POST"}, allowed, {})
    unknown = answer(problems.UnknownCaller())
    assert unknown[:2] == (403, {"WWW-Authenticate": 'AWS4-HMAC-SHA256 service="execute-api"'})
    challenge = 'Bearer realm="invoke-once", error="insufficient_scope", scope="admin"'
    scope = told("forbidden", "The token does not allow this", 403, "This call needs the scope admin.")
    assert answer(problems.Forbidden("admin")) == (403, {"WWW-Authenticate": challenge}, scope, {})
    token = answer(problems.Unauthenticated())
    assert token[1] == {"WWW-Authenticate": 'Bearer realm="invoke-once"'}


def test_an_answer_is_json_without_spaces_and_its_headers_have_no_line_ends() -> None:
    answer = call.reply_json({"a": ["é", 1]}, 201, {"X": "a\r\nb\x7f"})
    assert (answer.status_code, answer.body) == (201, '{"a":["é",1]}')
    assert answer.headers == ALL | {"Content-Type": "application/json", "X": "a  b "}
    empty = call.reply()
    assert (empty.status_code, empty.body, empty.headers) == (200, "", ALL)
    with pytest.raises(ValueError):
        call.json_text(float("nan"))

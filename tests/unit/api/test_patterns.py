"""Every regular expression that meets a caller's text, with the text that would cost it most: linear, all of it.

A pattern that may try several ways to share the same characters takes seconds for a hundred of them. Each is listed
here with what makes it try; one that is new has to be added. None ends in `$`: in Python that also takes a line end.
"""

from __future__ import annotations

import json
import re
import time
from importlib import import_module
from pathlib import Path

import pytest

from chalicelib.api import headers, strictjson, waiting
from chalicelib.api.problems import InvalidJson, UnsupportedMediaType
from chalicelib.callbacks import webhook
from infra.paths import ROOT
from tests.unit.api.world import World

N = 50_000
#: module: pattern: texts of which each makes it try hardest
WORST: dict[str, dict[str, list[str]]] = {
    "chalicelib.api.auth": {"_BEARER": ["bearer " + " " * N + "\x00", "bearer " + "a" * N]},
    "chalicelib.api.batch_calls": {"_BATCH_ID": ["batch_" + "a" * N]},
    "chalicelib.api.bulk_calls": {"_BULK_ID": ["bulk_" + "a" * N]},
    "chalicelib.api.call": {"_CONTROL": ["\x01" * N]},
    "chalicelib.api.cursor": {"_FORM": ["a" * N + "!", "a" * 4096 + "\n"]},
    "chalicelib.api.headers": {
        "_MEDIA_TYPE": ["a" * N, "a/" + "a" * N + "("],
        "_PARAMETER": [" " * 5_000, ";" + " " * N + "(", ";" + "a" * N, ";a=" + "a" * N + "(", ';a="' + "a" * N],
        "_QUOTED_KEY": ['"' + "a" * N, '"' + "\\" * N, '"' + '\\"' * N],
        "_BARE_KEY": ["a" * N + ";"],
        "_TRACEPARENT": ["00-" + "0" * N, "00-" + "a" * N],
        "_TRACESTATE": ["a" * N],
    },
    "chalicelib.api.log_lines": {
        "PLATFORM_TEXT": ["START RequestId: " + "0" * N, "END RequestId: " + "0" * 36 + " " * N + "\n"],
        "_RUN_ID": ["run_" + "a" * N],
        "_CLAIM": ["a" * N],
    },
    "chalicelib.api.waiting": {"_WAIT": ["wait" + " " * N, "wait = 5" + " " * N + "x", "wait=5;" + ";" * N]},
    "chalicelib.api.runs": {"_RUN_ID": ["run_" + "a" * N]},
    "chalicelib.api.schemas": {
        "_STEP": ["[" * 300, "." * N, ".a" * N, "[]" * N],
        "_FIELD": ["Object contains unknown field " * 1_000],
        "_DIGITS": ["0" * N],
    },
    "chalicelib.api.strictjson": {"_STRINGS": ['"' * N, '"' + "\\" * N, '"' + '\\"' * N], "_SURROGATE": ["\\u" * N]},
    "chalicelib.api.tokens": {"_ID": ["a" * N]},
    "chalicelib.callbacks.arns": {
        "_FORM": ["arn:aws:sqs:" + "us-" * N, "arn:aws:sqs:us-a-1:" + "0" * 12 + ":" + "a" * N]
    },
    "chalicelib.runs.links": {"_FORM": ["oncelink_" + "-" * N], "_BODY": ["a" * N, "a" * 8 + ":" + "0" * N]},
    "chalicelib.callbacks.webhook": {"_STATUS_LINE": ["HTTP/1.1 200 " + " " * N], "_LENGTH": ["0" * N]},
    "chalicelib.tokens": {"_FORM": ["once_" + "a" * N, "once_" + "a" * 32 + "_" + "-" * N + "!"]},
    "invoke_once.signing": {"_MESSAGE_ID": ["a" * N + "."], "_TIMESTAMP": ["0" * N]},
}
#: Patterns of these are tried with every text of OFTEN.
ADDRESSES = ("chalicelib.callbacks.urls", "chalicelib.callbacks.pinned")
OFTEN = [part * N for part in ("a", ".", "a.", "-", " ", "0x", "%", "\r", "\n", "\r\n")]
#: Their patterns meet texts of ours, of functions.toml or of Lambda alone.
OWN_TEXTS = {
    "chalicelib.functions", "chalicelib.tables", "chalicelib.targets", "chalicelib.destinations.record",
    "chalicelib.web.assets",
}  # fmt: skip
CASES = [(module, name, text) for module, names in WORST.items() for name, texts in names.items() for text in texts]


def seconds(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    """Of a match at the beginning: the way all of them are used, but for those that replace."""
    given = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.process_time()
    pattern.fullmatch(given)  # type: ignore[arg-type]
    pattern.match(given)  # type: ignore[arg-type]
    return time.process_time() - began


@pytest.mark.parametrize(("module", "name", "text"), CASES, ids=lambda value: str(value)[:30])
def test_no_text_makes_a_pattern_try_every_way(module: str, name: str, text: str) -> None:
    pattern = getattr(import_module(module), name)
    assert min(seconds(pattern, text) for _ in range(2)) < 0.3, "50 000 characters take a few milliseconds"


@pytest.mark.parametrize("module", ADDRESSES)
def test_no_text_makes_a_pattern_of_addresses_try_every_way(module: str) -> None:
    for name in compiled(ROOT / (module.replace(".", "/") + ".py")):
        for text in OFTEN:
            assert seconds(getattr(import_module(module), name), text) < 0.3, (name, text[:5])


@pytest.mark.parametrize(
    ("module", "name", "replaced"),
    [("chalicelib.api.schemas", "_STEP", "[" * 300), ("chalicelib.api.strictjson", "_STRINGS", '"\\' * N),
     ("chalicelib.api.call", "_CONTROL", "\x00" * N)],
)  # fmt: skip
def test_no_text_makes_a_replacement_try_every_way(module: str, name: str, replaced: str) -> None:
    pattern = getattr(import_module(module), name)
    given = replaced.encode() if isinstance(pattern.pattern, bytes) else replaced
    began = time.process_time()
    pattern.sub(given[:0], given)
    assert time.process_time() - began < 0.3


def compiled(path: Path) -> set[str]:
    return set(re.findall(r"^(\w+)(?:: Final)? = re\.compile\(", path.read_text(), re.MULTILINE))


def test_every_pattern_of_the_service_is_listed() -> None:
    known = OWN_TEXTS | set(ADDRESSES)
    for path in [*ROOT.glob("chalicelib/**/*.py"), ROOT / "invoke_once/signing.py"]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module not in known and ".jobs." not in module:
            assert compiled(path) <= set(WORST.get(module, {})), f"{module}: add its worst case"


def test_no_pattern_ends_where_a_line_end_may_follow() -> None:
    for module, names in WORST.items():
        for name in names:
            pattern = getattr(import_module(module), name).pattern
            assert not str(pattern).endswith(("$", "$'")), f"{module}.{name}: fullmatch, without $"


# Whole readings


@pytest.mark.parametrize("text", [";  " * 16 + "(", ";  " * 300 + "(", ";a=b" * 200 + "("])
def test_an_odd_content_type_is_refused_at_once(world: World, text: str) -> None:
    began = time.process_time()
    answer = world.call("POST", "/runs", body=b"{}", headers={"Content-Type": f"application/json{text}"})
    assert answer.status == 415 and time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("application/json", True), ("application/json; charset=utf-8", True),
        ("APPLICATION/JSON ;charset=UTF-8", True),
        ('application/json;charset="utf8"; q=1', True), ("application/json;;", True), ("application/json; ", True),
        ("application/json; charset=latin-1", False), ("application/json x", False), ("application/jsonx", False),
        ("application/json; charset", False), ("application/json\n; charset=utf-8", False),
    ],
)  # fmt: skip
def test_content_types(text: str, good: bool) -> None:
    try:
        headers.require_json({"content-type": [text]})
        assert good
    except UnsupportedMediaType:
        assert not good


@pytest.mark.parametrize(
    "name", [" - at `$" * 20_000, "unknown field `" * 20_000, "[" * 100_000, "`" * 100_000, "\ud800"], ids=ascii
)
def test_an_odd_name_in_a_body_is_a_4xx_at_once(world: World, name: str) -> None:
    began = time.process_time()
    answer = world.post_raw(json.dumps({"function": "echo", name: 1}).encode())
    assert answer.status in (400, 422) and len(answer.text) < 2_000 and time.process_time() - began < 1


def test_depth_counts_what_is_outside_of_strings() -> None:
    deep = b"[" * 60 + b"]" * 60
    assert strictjson.parse(b'["\\n", "' + b"[" * 900 + b'", "a\\"[[", ' + deep + b"]")
    for string in (b'"\\n"', b'"\\\\"', b'"\\""', b'"x\\u0041"'):
        with pytest.raises(InvalidJson, match="deeper"):
            strictjson.parse(b"[" + string + b"," + b"[" * 70 + b"]" * 70 + b"]")


def test_labels_take_no_final_line_end(world: World) -> None:
    for labels in ({"a\n": "b"}, {"a": "b\n"}, {"a": "b\x7f"}):
        assert world.post({"function": "echo", "labels": labels}).status == 422
    assert world.post({"function": "echo", "labels": {"a/b": "ü"}}).status == 202


def test_a_receiver_s_head_is_read_in_linear_time() -> None:
    head = b"HTTP/1.1 503 no\r\nretry-after:" + b" " * 4_000 + b"x" * 100 + b"\r\n\r\n"
    began = time.process_time()
    webhook._retry_after_s(head, 0.0)
    assert time.process_time() - began < 0.1
    assert webhook._retry_after_s(b"HTTP/1.1 503 no\r\nRetry-After:\t 7 \r\n", 0.0) == 7


def test_waits_are_read_from_any_prefer() -> None:
    assert waiting.wait_seconds({"prefer": ["respond-async, wait=7"]}) == 7
    assert waiting.wait_seconds({"prefer": ["wait=" + "9" * 50_000]}) is None

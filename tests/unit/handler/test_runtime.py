"""What a function's process stands on, as its environment says."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

from invoke_once.errors import ConfigurationError
from invoke_once.handler.runtime import MANAGED, Policy, _policy, runtime


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ONCE_RUNS_TABLE"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    runtime.forget()
    yield
    runtime.forget()
    gc.unfreeze()


@pytest.mark.parametrize("in_lambda", [True, False])
def test_in_lambda_alone_collections_leave_out_what_was_made_at_the_start(
    monkeypatch: pytest.MonkeyPatch, in_lambda: bool
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "report")
    assert runtime() is runtime()
    assert (gc.get_freeze_count() > 0) is in_lambda
    assert gc.isenabled()


SETTINGS: list[tuple[str, str, str, Any]] = [
    ("ONCE_FUNCTION", "report", "function", "report"),
    ("ONCE_TENANT", "acme", "tenant", "acme"),
    ("ONCE_RETENTION_DAYS", "1.5", "retention_s", 129_600),
    ("ONCE_ON_LOST", "fail", "on_lost", "fail"),
    ("ONCE_MAX_ATTEMPTS", "3", "max_attempts", 3),
    ("ONCE_BACKOFF_SECONDS", "0.5", "backoff_ms", 500),
    ("ONCE_MAX_BACKOFF_SECONDS", "1.5", "max_backoff_ms", 1_500),
    ("ONCE_JITTER", "0", "jitter", False),
    ("ONCE_ON_TIMEOUT", "continue", "on_timeout", "continue"),
    ("ONCE_MAX_LEGS", "7", "max_legs", 7),
    ("ONCE_HEARTBEAT_SECONDS", "2.5", "heartbeat_ms", 2_500),
    ("ONCE_CALLBACK", "https://example.com/hook", "callback", "https://example.com/hook"),
]
DEFAULT = Policy("", "default", 30 * 86_400, "retry", 1, 10_000, 600_000, True, 0, "", "fail", 100)


@pytest.mark.parametrize(("name", "text", "field", "value"), SETTINGS, ids=[name for name, *_ in SETTINGS])
def test_each_setting_is_read_from_the_environment_and_has_a_default(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: Any
) -> None:
    for other, *_ in SETTINGS:
        monkeypatch.delenv(other, raising=False)
    assert _policy() == DEFAULT == Policy()
    monkeypatch.setenv(name, text)
    assert _policy() == DEFAULT._replace(**{field: value})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[(name, text) for name in ("ONCE_RETENTION_DAYS", "ONCE_BACKOFF_SECONDS", "ONCE_MAX_BACKOFF_SECONDS",
                                    "ONCE_HEARTBEAT_SECONDS") for text in ("soon", "-1", "nan", "inf", "1,5")],
        *[(name, text) for name in ("ONCE_MAX_ATTEMPTS", "ONCE_MAX_LEGS") for text in ("0", "many")],
        ("ONCE_ON_LOST", "Retry"), ("ONCE_ON_TIMEOUT", "continu"), ("ONCE_JITTER", "off"),
    ],
)  # fmt: skip
def test_a_setting_that_says_nothing_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigurationError, match=f"^{name} is '{text}': it is "):
        _policy()
    monkeypatch.setenv(name, "")
    _policy()  # empty: not set


def test_no_setting_of_a_policy_is_left_out() -> None:
    assert {field for *_, field, _ in SETTINGS} == set(Policy._fields)


def test_large_payloads_go_to_the_bucket_and_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_BUCKET", "box")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    objects: Any = runtime().payloads.objects
    assert (objects._bucket, objects._endpoint_url) == ("box", "http://127.0.0.1:4566")
    assert runtime().payloads.store is runtime().store


def test_the_dearest_thing_of_a_first_request_is_made_before_it() -> None:
    assert runtime().store.engine.connection._made is not None  # type: ignore[attr-defined]
    assert runtime().policy == _policy()


@pytest.mark.parametrize("managed", [True, False])
def test_the_process_ends_itself_where_nothing_else_would(monkeypatch: pytest.MonkeyPatch, managed: bool) -> None:
    monkeypatch.delenv(MANAGED, raising=False)
    if managed:
        monkeypatch.setenv(MANAGED, "10")
    assert runtime().end_process is (os._exit if managed else None)

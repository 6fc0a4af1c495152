"""What is said when a function cannot be a handler, or stands in the wrong place; and a call outside Lambda."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from invoke_once import current_run, tracked
from invoke_once.errors import ConfigurationError
from invoke_once.handler import wrapper
from invoke_once.testing import Bench


async def awaited(event: Any, context: Any) -> int:
    return 1


async def streamed(event: Any, context: Any) -> AsyncIterator[int]:
    yield 1


def yielding(event: Any, context: Any) -> Iterator[int]:
    yield 1


class Called:
    async def __call__(self, event: Any, context: Any) -> int:
        return 1

    def method(self, event: Any, context: Any) -> str:
        return "method"

    async def later(self, event: Any, context: Any) -> int:
        return 1


def plain(event: Any, context: Any) -> int:
    return 1


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (awaited, "awaited is an async function.*asyncio.run"),
        (streamed, "async"),
        (functools.partial(awaited, context=None), "async"),
        (Called(), "async"),
        (Called().later, "async"),
        (yielding, "yielding is a generator function.*return a list"),
        (tracked(plain), "tracked already"),
        (3, "takes a handler"),
    ],
)
def test_what_would_never_run_is_refused_when_it_is_decorated(handler: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tracked(handler)
    with pytest.raises(TypeError, match=words):
        tracked(key="id")(handler)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": 5}, "^key is a path"),
        ({"key": ["a"]}, "^key is a path"),
        ({"attach": "false"}, "^attach is True or False"),
        ({"attach": None}, "^attach is True or False"),
        *[({"attach_seconds": wrong}, "^attach_seconds is a number")
          for wrong in ("60s", None, True, -1, float("nan"), float("inf"))],
    ],
)  # fmt: skip
def test_an_option_of_another_kind_is_refused_when_it_is_given(options: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tracked(**options)


def test_a_function_that_runs_its_own_event_loop_is_a_handler() -> None:
    @functools.wraps(awaited)
    def handler(event: Any, context: Any) -> int:
        return asyncio.run(awaited(event, context))

    assert Bench().run(tracked(handler)).output == 1


@pytest.mark.parametrize("handler", [Called().method, functools.partial(plain), lambda event, context: 1])
def test_methods_partials_and_lambdas_are_handlers(handler: Callable[[Any, Any], Any]) -> None:
    assert Bench().run(tracked(handler)).status == "succeeded"


class EventClass:
    """What a decorator makes of an event: no dict."""

    def __init__(self, event: Any) -> None:
        self.raw = event


@pytest.mark.parametrize("options", [{}, {"attach": True}, {"key": "id"}])
def test_a_decorator_outside_is_told_where_tracked_goes(options: dict[str, Any]) -> None:
    ran = []

    def event_source(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        @functools.wraps(handler)
        def changed(event: Any, context: Any) -> Any:
            return handler(EventClass(event), context)

        return changed

    @event_source
    @tracked(**options)
    def handler(event: Any, context: Any) -> None:
        ran.append(event)

    with pytest.raises(TypeError, match="EventClass.*put @tracked outermost"):
        Bench().call(handler, {"id": 1})
    assert ran == []


@pytest.mark.parametrize("event", [None, {}, {"a": 1}, [1], "text", 7, 0.5, True], ids=repr)
def test_whatever_json_is_an_event_is_lambda_s_own(event: Any) -> None:
    ran = []
    Bench().call(tracked(lambda given, _context: ran.append(given)), event)
    assert ran == [event]


def test_an_event_with_something_else_inside_is_told_so_too() -> None:
    with pytest.raises(TypeError, match='"/body".*put @tracked outermost'):
        Bench().call(tracked(plain), {"body": object()})


def test_outside_lambda_a_direct_call_runs_the_body_and_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrapper, "_warned", False)

    @tracked(key="id")
    def handler(event: Any, context: Any) -> Any:
        current_run().progress(0.5)
        return [event, current_run().id]

    with pytest.warns(UserWarning, match="no run is recorded"):
        assert handler({"n": 1}, None) == [{"n": 1}, "local"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert handler({"n": 2}, None) == [{"n": 2}, "local"]
    with pytest.raises(ZeroDivisionError):
        tracked(lambda event, context: 1 / 0)({}, None)


@pytest.mark.parametrize("name", ["AWS_LAMBDA_FUNCTION_NAME", "ONCE_FUNCTION"])
def test_in_lambda_a_missing_setting_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError, match="ONCE_RUNS_TABLE"):
        tracked(plain)({}, None)

"""The bench that users test with: its options are named as everywhere, and mistakes are told."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from invoke_once import tracked
from invoke_once.testing import Bench


def test_options_are_those_of_functions_toml() -> None:
    bench = Bench(max_attempts=2, backoff_seconds=30, jitter=False, heartbeat_seconds=5, retention_days=1)
    run = bench.run(tracked(lambda event, _context: 1 / 0))
    assert (run.status, run.head.not_before) == ("queued", bench.clock() + 30_000)
    assert run.head.retention_s == 86_400


@pytest.mark.parametrize(
    ("option", "near"), [("backof_seconds", "backoff_seconds"), ("max_attempt", "max_attempts"), ("zzz", "on_lost")]
)
def test_an_unknown_option_is_refused_with_what_is_near(option: str, near: str) -> None:
    with pytest.raises(TypeError, match=f"{option}.*{near}"):
        Bench(**{option: 3})


def test_a_handler_that_is_not_wrapped_is_refused_before_it_runs() -> None:
    ran = []

    def handler(event: Any, _context: Any) -> None:
        ran.append(event)

    bench = Bench()
    for give in (bench.run, bench.call):
        with pytest.raises(TypeError, match="handler is not wrapped: put @tracked above it"):
            give(handler, {})
    assert ran == []


def test_a_wrapped_handler_under_another_decorator_is_one() -> None:
    inner = tracked(lambda event, _context: event)

    @functools.wraps(inner)
    def outer(event: Any, context: Any) -> Any:
        return inner(event, context)

    assert Bench().run(outer, 1).output == 1

"""A request that is a batch already, and what is kept of a new one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from chalicelib.batches.manifest import Item
from chalicelib.batches.start import _fingerprint, accept, retry
from chalicelib.functions import Function
from chalicelib.runs.dispatch import KeyReused
from tests.unit.batches.noted import Noted


def test_a_repeat_puts_nothing_and_one_whose_items_have_other_keys_is_another_request() -> None:
    world = Noted(2)
    kept = dict(world.objects.objects)
    request = world.request(2)
    again = accept(world.svc, request)
    assert (again.replayed, again.batch, world.noting.letters) == (True, world.now, [])
    others: list[dict[str, Any]] = [
        {"items": [Item(item.text, "mine") for item in request.items]},
        {"items": [Item(item.text, item.key, {"a": "b"}) for item in request.items]},
        {"inputs": [*request.inputs[:-1], "another"]}, {"function": Function("echo2", target="s-echo")},
        {"callback_url": "https://example.com/"}, {"labels": {"a": "b"}}, {"options": {"queue_ms": 7}},
        {"max_running": 1},
    ]  # fmt: skip
    asked = {_fingerprint(structs.replace(request, **other)) for other in others}
    assert len(asked | {_fingerprint(request)}) == 1 + len(others)
    with pytest.raises(KeyReused):
        accept(world.svc, structs.replace(request, **others[0]))
    assert world.objects.objects == kept and world.calls.made == []


def test_of_two_requests_at_once_the_second_one_has_the_batch_of_the_first() -> None:
    world = Noted(2)
    batch, hidden = world.now, [True]
    real = world.noting.get

    def get(*given: Any, **more: Any) -> Any:
        return None if hidden and hidden.pop() else real(*given, **more)

    world.noting.get = get  # type: ignore[method-assign]
    again = accept(world.svc, world.request(2))
    assert (again.replayed, again.batch.run_id, again.batch.seed) == (True, batch.run_id, batch.seed)
    assert (world.noting.letters, world.calls.made) == (["BA!"], [])


def test_labels_and_options_are_kept_in_one_order() -> None:
    world = Noted(1, labels={"b": "2", "a": "1"}, options={"queue_ms": 7, "max_attempts": 2})
    assert (world.now.labels, world.now.options) == ('{"a":"1","b":"2"}', '{"max_attempts":2,"queue_ms":7}')
    assert list(world.objects.objects) == [f"echo/in/{world.id}/{world.now.seed}.items"]


def test_a_batch_is_kept_as_long_as_its_function_s_runs_and_is_run_again_after_a_failure_alone() -> None:
    world = Noted(1, Function(name="echo", target="s-echo", retention_days=2))
    assert world.now.retention_s == 172_800
    for status in ("running", "succeeded"):
        assert retry(world.svc, world.change(status=status)) is None
    assert world.noting.letters == []

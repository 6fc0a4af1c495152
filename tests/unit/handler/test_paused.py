"""An event that waited in Lambda's own queue while its function was paused begins no body."""

from __future__ import annotations

from typing import Any

from invoke_once import tracked
from invoke_once.handler import paused
from invoke_once.handler.fired import LATE_MS
from invoke_once.handler.runtime import runtime
from invoke_once.life import gates
from invoke_once.life.moves import gate_moves
from invoke_once.testing import Bench


@tracked
def handler(event: Any, context: Any) -> str:
    return "ran"


def pause(bench: Bench, since: str) -> None:
    item = bench.store.part(gates.pause_id("test"), gates.PAUSE) or {}
    text = f'{{"*":{{"since":{since}}}}}'
    bench.store.put_part(gate_moves.pause("test", item.get("sequence", 0), text, bench.clock()))
    paused._known.clear()


def late(bench: Bench, head: Any) -> Any:
    """Its event, fired now, arrives six seconds later."""
    import json

    from invoke_once.handler.envelope import fired_event
    from invoke_once.testing import Context

    event = json.loads(fired_event(head, b"null", bench.clock()))
    bench.clock.step(LATE_MS + 1)
    with bench._in_use():
        return handler(event, Context(bench.clock))


def test_a_late_event_of_a_paused_function_is_left_unclaimed() -> None:
    bench = Bench()
    head = bench.start()
    pause(bench, str(bench.clock()))
    assert late(bench, head)["paused"] is True
    assert bench.finished(head.run_id).status == "queued"
    pause(bench, "null")
    assert late(bench, head)["status"] == "succeeded"


def test_an_event_that_comes_at_once_asks_nothing() -> None:
    bench = Bench()
    head = bench.start()
    pause(bench, str(bench.clock()))
    bench.deliver(handler, head)
    assert bench.finished(head.run_id).status == "succeeded"


def test_what_is_known_of_a_pause_is_five_seconds_old_at_most() -> None:
    bench = Bench()
    pause(bench, "null")
    with bench._in_use() as _:
        rt = runtime()
        assert not paused.is_paused(rt, "test")
        known = dict(paused._known)
        pause(bench, str(bench.clock()))
        paused._known.update(known)
        bench.clock.step(4_999)
        assert not paused.is_paused(rt, "test")
        bench.clock.step(1)
        assert paused.is_paused(rt, "test")


def test_a_look_at_a_pause_costs_half_a_read_unit() -> None:
    bench, asked = Bench(), list[bool]()
    get = bench.table.get
    bench.table.get = lambda *key, consistent=True: (asked.append(consistent), get(*key))[1]  # type: ignore[method-assign]
    paused._known.clear()
    with bench._in_use():
        paused.is_paused(runtime(), "test")
    assert asked == [False]

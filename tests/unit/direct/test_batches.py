"""SQS: each message a run of its own; what failed comes back, what succeeded does not run again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoke_once import tracked
from tests.unit.direct import events
from tests.unit.direct.world import Body, World


def work(event: Any) -> Any:
    (message,) = event["Records"]
    given = json.loads(message["body"])
    if given.get("fail"):
        raise ValueError(f"cannot {given['n']}")
    return given


def batch(*numbers: int, fail: tuple[int, ...] = (), queue: str = "orders") -> dict[str, Any]:
    return events.sqs(*((f"m-{n}", json.dumps({"n": n, "fail": n in fail})) for n in numbers), queue=queue)


def test_each_message_is_a_run(world: World) -> None:
    body = Body(work)
    assert world.call(tracked(body), batch(1, 2, 3)) == {"batchItemFailures": []}
    assert world.keys() == ["m-1", "m-2", "m-3"]
    assert [world.output(run)["n"] for run in world.runs()] == [1, 2, 3]
    assert [len(event["Records"]) for event in body.events] == [1, 1, 1]


def test_what_failed_is_reported_and_the_rest_is_done(world: World) -> None:
    answer = world.call(tracked(Body(work)), batch(1, 2, 3, fail=(2,)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert [run.status for run in world.runs()] == ["succeeded", "failed", "succeeded"]


def test_a_batch_that_failed_as_a_whole_raises_so_that_it_comes_back_without_the_setting_too(world: World) -> None:
    with pytest.raises(ValueError, match="cannot 1"):
        world.call(tracked(Body(work)), batch(1, 2, fail=(1, 2)))
    assert len(world.runs()) == 2


def test_a_message_delivered_again_does_not_run_again(world: World) -> None:
    body = Body(work)
    world.call(tracked(body), batch(1, 2, fail=(2,)))
    assert world.call(tracked(body), batch(2, 3, fail=(2,))) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert [json.loads(event["Records"][0]["body"])["n"] for event in body.events] == [1, 2, 3]


def test_behind_a_failure_of_a_fifo_queue_nothing_is_taken(world: World) -> None:
    body = Body(work)
    answer = world.call(tracked(body), batch(1, 2, 3, fail=(2,), queue="orders.fifo"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-3"}]}
    assert world.keys() == ["m-1", "m-2"]


@pytest.mark.parametrize(("timeout_ms", "left_over"), [(60_000, []), (59_999, ["m-3"])])
def test_a_message_is_not_begun_with_less_than_two_seconds_left(
    world: World, timeout_ms: int, left_over: list[str]
) -> None:
    def slow(event: Any) -> None:
        world.pass_(29_000)

    answer = world.call(tracked(Body(slow)), batch(1, 2, 3), timeout_ms=timeout_ms)
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == left_over
    assert world.keys() == [name for name in ("m-1", "m-2", "m-3") if name not in left_over]


def test_a_first_message_is_begun_however_little_time_there_is(world: World) -> None:
    world.call(tracked(Body(work)), batch(1), timeout_ms=1_000)
    assert world.keys() == ["m-1"]


def test_messages_without_ids_are_one_event(world: World) -> None:
    event = {"Records": [{"eventSource": "aws:sqs", "body": "a"}, {"eventSource": "aws:sqs", "body": "b"}]}
    body = Body()
    assert world.call(tracked(body), event) == {"done": True}
    assert body.events == [event] and world.keys() == ["request-1"]


def test_a_key_found_in_the_message_tells_messages_apart(world: World) -> None:
    handler = tracked(key=lambda event: json.loads(event["Records"][0]["body"])["n"])(Body(work))
    world.call(handler, batch(1, 2))
    world.call(handler, events.sqs(("other-id", json.dumps({"n": 2}))))
    assert world.keys() == ["1", "2"]

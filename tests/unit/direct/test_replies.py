"""What a handler's return value means, by what it was given: SQS, FIFO queues, Kinesis, DynamoDB streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from invoke_once import tracked
from invoke_once.errors import StillRunning
from invoke_once.handler import replies
from invoke_once.handler.direct import keys
from invoke_once.handler.replies import MALFORMED, REPORTED
from invoke_once.life import moves
from tests.unit.direct import events
from tests.unit.direct.world import Body, World


def report(*names: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def sample(event: Any) -> Any:
    """AWS's own sample for SQS: what is bad is reported, nothing is raised."""
    return report(*(m["messageId"] for m in event["Records"] if m["body"] == "bad"))


def messages(*bad: str, of: tuple[str, ...] = ("m1", "m2", "m3"), queue: str = "orders") -> dict[str, Any]:
    return events.sqs(*((name, "bad" if name in bad else "ok") for name in of), queue=queue)


def errors(world: World) -> list[str | None]:
    return [(world.error(run) or {}).get("type") for run in world.runs()]


def test_a_message_that_the_handler_reports_has_failed_and_comes_back(world: World) -> None:
    assert world.call(tracked(Body(sample)), messages("m2")) == report("m2")
    assert [run.status for run in world.runs()] == ["succeeded", "failed", "succeeded"]
    told = world.error(world.head("m2"))
    assert told is not None and told["type"] == "ReportedByHandler" and "m2" in told["message"]


def test_behind_a_reported_message_of_a_fifo_queue_nothing_is_begun(world: World) -> None:
    assert world.call(tracked(Body(sample)), messages("m2", queue="orders.fifo")) == report("m2", "m3")
    assert world.keys() == ["m1", "m2"]


def test_a_batch_of_reported_messages_fails_as_a_whole(world: World) -> None:
    with pytest.raises(Exception, match="m1") as raised:
        world.call(tracked(Body(sample)), messages("m1", "m2", "m3"))
    assert type(raised.value).__name__ == "ReportedByHandler"
    assert [run.status for run in world.runs()] == ["failed"] * 3


def test_a_reported_message_is_tried_again_within_the_runs_budget() -> None:
    world, body = World(max_attempts=2, backoff_ms=1_000, jitter=False), Body(sample)
    assert world.call(tracked(body), messages("m1", of=("m1", "m2"))) == report("m1")
    assert world.head("m1").status == "queued"
    world.pass_(1_000)
    with pytest.raises(Exception, match="m1"):
        world.call(tracked(body), messages("m1", of=("m1",)))
    assert (world.head("m1").status, world.head("m1").attempt, body.count) == ("failed", 2, 3)


BAD_NAMES: list[Any] = [None, "", 7, "another", {"a": 1}, ["m2"]]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_malformed_report_fails_the_whole_batch(world: World, name: Any) -> None:
    body = Body(lambda event: report(name) if event["Records"][0]["body"] == "bad" else None)
    with pytest.raises(Exception, match="batch") as raised:
        world.call(tracked(body), messages("m2"))
    assert type(raised.value).__name__ == MALFORMED
    assert errors(world) == [None, MALFORMED, None]
    body = Body()  # what succeeded does not run again when all come back
    world.call(tracked(body), messages(of=("m1", "m3")))
    assert body.count == 0


class Reply(NamedTuple):
    batchItemFailures: Any  # noqa: N815


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (None, None), ({}, None), (report(), None), ({"batchItemFailures": None}, None), ("text", None), ([], None),
        (report("m1"), REPORTED), (report("m1", "m1"), REPORTED), (Reply(({"itemIdentifier": "m1"},)), REPORTED),
        ({"batchItemFailures": [{"itemidentifier": "m1"}]}, MALFORMED), ({"batchItemFailures": ["m1"]}, MALFORMED),
        ({"batchItemFailures": "m1"}, MALFORMED), ({"batchItemFailures": {"itemIdentifier": "m1"}}, MALFORMED),
        (report("m1", None), MALFORMED),
    ],
)  # fmt: skip
def test_replies_are_read_as_aws_reads_them(reply: Any, error: str | None) -> None:
    assert replies.outcome(messages(of=("m1",)), reply).error_type == error


@pytest.mark.parametrize("event", [None, {}, {"Records": []}, events.sns(), events.s3(), events.eventbridge(), [1]])
def test_elsewhere_the_member_is_an_output_like_any_other(event: Any) -> None:
    assert replies.outcome(event, report("m1")).status == "succeeded"


STREAMS: list[Callable[..., dict[str, Any]]] = [events.kinesis]


def dynamodb(*numbers: str) -> dict[str, Any]:
    event = events.dynamodb(*(f"id-{number}" for number in numbers))
    for record, number in zip(event["Records"], numbers, strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    return event


STREAMS.append(dynamodb)


class Failing:
    """A body that fails as told, then succeeds."""

    def __init__(self, *ends: Any) -> None:
        self.ends, self.count = [*ends], 0

    def __call__(self, event: Any, context: Any) -> Any:
        self.count += 1
        end = self.ends.pop(0) if self.ends else report()
        if isinstance(end, BaseException):
            raise end
        return end


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_whose_first_record_is_reported_runs_again_and_lambda_hears_the_report(
    world: World, stream: Callable[..., Any]
) -> None:
    body = Failing(report("1"), report("1"))
    handler = tracked(body)
    answers = [world.call(handler, stream("1", "2")) for _ in range(4)]
    assert answers == [report("1"), report("1"), report(), report()]
    (run,) = world.runs()
    assert (run.status, run.attempt, body.count) == ("succeeded", 3, 3)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_passing_error_does_not_block_a_shard(world: World, stream: Callable[..., Any]) -> None:
    body = Failing(ValueError("away"), ValueError("away"))
    handler = tracked(body)
    for _ in range(2):
        with pytest.raises(ValueError, match="away"):
            world.call(handler, stream("1", "2"))
        assert [run.status for run in world.runs()] == ["failed"]
    assert world.call(handler, stream("1", "2")) == report()
    assert [(run.status, run.attempt) for run in world.runs()] == [("succeeded", 3)]


def test_a_later_record_is_a_failure_too_and_what_is_behind_it_another_run(world: World) -> None:
    handler = tracked(Failing(report("2")))
    assert world.call(handler, events.kinesis("1", "2", "3")) == report("2")
    assert world.call(handler, events.kinesis("2", "3")) == report()
    assert [run.status for run in world.runs()] == ["failed", "succeeded"]
    assert errors(world) == [REPORTED, None]


def test_a_malformed_report_of_a_stream_goes_to_lambda_as_it_is(world: World) -> None:
    body = Failing(report("9"))
    assert world.call(tracked(body), events.kinesis("1", "2")) == report("9")
    assert errors(world) == [MALFORMED]
    assert world.call(tracked(body), events.kinesis("1", "2")) == report()


def test_a_given_budget_ends_the_tries_of_a_stream() -> None:
    world = World(max_attempts=2)
    body = Failing(*[ValueError("poison")] * 9)
    for _ in range(4):
        with pytest.raises(Exception, match="poison"):
            world.call(tracked(body), events.kinesis("1"))
    assert (body.count, world.runs()[0].attempt) == (2, 2)


def test_a_streams_batch_that_is_still_at_work_is_not_answered_as_done(world: World) -> None:
    key = "shardId-000000000006:1"
    live = world.elsewhere(key, events.kinesis("1"), lease_ms=30_000)
    body = Body()
    with pytest.raises(StillRunning):
        world.call(tracked(body), events.kinesis("1"))
    world.clock.to(live.lease_until + 1)  # it has died
    world.call(tracked(body), events.kinesis("1"))
    assert (body.count, world.head(key).status, world.head(key).attempt) == (1, "succeeded", 2)


def test_a_cancelled_batch_lets_its_shard_go_on(world: World) -> None:
    from invoke_once import RunCancelled

    body = Failing(RunCancelled())
    with pytest.raises(RunCancelled):
        world.call(tracked(body), events.kinesis("1"))
    assert world.call(tracked(body), events.kinesis("1")) == report()
    assert (body.count, world.runs()[0].status) == (1, "cancelled")


def test_an_expired_batch_lets_its_shard_go_on(world: World) -> None:
    """Its retry was the service's, and nobody could start it."""
    key = keys.own_id(events.kinesis("1")) or ""
    head = world.elsewhere(key, events.kinesis("1"))
    world.store.apply(moves.requeue(moves.fence(head), head, world.clock(), b"\0{}", "t"))
    world.pass_(head.queue_ms + 1)
    expired = world.store.apply(moves.expire(world.head(key), world.clock(), b"\0{}"))
    assert expired.head is not None and expired.head.status == "expired"
    body = Body()
    assert world.call(tracked(body), events.kinesis("1")) == report()
    assert body.count == 0


def test_a_report_counts_too_where_the_service_fires_the_retry() -> None:
    from invoke_once.testing import Bench

    bench = Bench()
    run = bench.run(tracked(Body(sample)), messages("m1", of=("m1",)))
    assert (run.status, run.error and run.error["type"]) == ("failed", "ReportedByHandler")


def test_an_answer_names_five_of_many() -> None:
    names = [f"m{n}" for n in range(9)]
    told = replies.outcome(events.sqs(*((name, "bad") for name in names)), report(*names))
    assert told.error is not None
    message = json.loads(told.error[1:])["message"] if told.error[:1] == b"\x00" else ""
    assert "m4 and 4 more" in message

"""The engine without DynamoDB: what it sends, and what it makes of answers that the emulator never gives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from pynamodb.attributes import BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute

from infra import stages
from infra.template import storage
from invoke_once.errors import StoreUnavailable
from invoke_once.life import conditions, moves
from invoke_once.life.head import INDEX_KEYS, Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.status import Status
from invoke_once.store.connection import Connection, described
from invoke_once.store.dynamo import BATCH_PAUSES_S, DynamoTable, plain, stored
from invoke_once.store.models import RunModel
from invoke_once.store.store import Key, Unwritten, Written

KINDS: dict[type, type] = {
    str: UnicodeAttribute, int: NumberAttribute, float: NumberAttribute, bool: BooleanAttribute, bytes: BinaryAttribute,
}  # fmt: skip
NOW = 1_800_000_000_000
Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


class Scripted(Connection):
    """Answers requests of pynamodb as it is told to."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(client=_Client(answer))
        self._answer = answer

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        return self._answer(operation_name, operation_kwargs)


class _Client:
    def __init__(self, answer: Answer) -> None:
        self.put_item = lambda **request: answer("PutItem", request)
        self.update_item = lambda **request: answer("UpdateItem", request)


def table(answer: Answer, pauses: list[float] | None = None) -> DynamoTable:
    return DynamoTable("runs", connection=Scripted(answer), sleep=(pauses if pauses is not None else []).append)


def refusal(code: str, **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code}, **more}, "UpdateItem")


def kind(annotation: Any) -> type:
    return next((a for a in getattr(annotation, "__args__", ()) if a is not type(None)), annotation)


def test_the_model_declares_every_field_of_the_head_with_its_type() -> None:
    hints, declared = get_type_hints(Head), RunModel.get_attributes()
    for field in fields(Head):
        assert isinstance(declared[field.name], KINDS[kind(hints[field.name])]), field.name
        assert declared[field.name].null or field.name in ("run_id", "part")


def test_the_model_declares_the_table_that_is_deployed() -> None:
    wanted = storage.runs_table(stages.load("local"))
    meta = described("runs", RunModel)
    assert (meta.hash_keyname, meta.range_keyname) == ("run_id", "part")
    deployed = {index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
                for index in wanted["GlobalSecondaryIndexes"]}  # fmt: skip
    assert deployed == {name: list(keys) for name, keys in INDEX_KEYS.items()}
    for name, keys in INDEX_KEYS.items():
        assert (meta.get_index_hash_keyname(name), meta.get_index_range_keyname(name)) == keys
    types = {one["AttributeName"]: one["AttributeType"] for one in wanted["AttributeDefinitions"]}
    assert {name: meta.get_attribute_type(name) for name in types} == types


def test_an_item_is_stored_and_read_back_as_it_was() -> None:
    item = {"run_id": "run_a", "part": "head", "progress": 0.25, "attempt": 3, "direct": False, "input": b"\x00{}"}
    assert plain(stored(item | {"output": None})) == item


def test_a_write_asks_for_the_winner_and_gives_it() -> None:
    sent: list[dict[str, Any]] = []

    def refuses(_operation: str, request: dict[str, Any]) -> dict[str, Any]:
        sent.append(request)
        raise refusal("ConditionalCheckFailedException", Item=stored({"run_id": "run_a", "part": "head", "attempt": 2}))

    move = moves.claim("run_a", "g", 5, 1000, 4)
    assert table(refuses).write(move) == Unwritten({"run_id": "run_a", "part": "head", "attempt": 2})
    assert sent[0]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert sent[0]["ReturnValues"] == "ALL_NEW"


@pytest.mark.parametrize(
    ("asked", "text", "values"),
    [
        (conditions.equals("attempt", 1), "#0 = :0", [{"N": "1"}]),
        (conditions.at_most("due_at", 2), "#0 <= :0", [{"N": "2"}]),
        (conditions.below("due_at", 2), "#0 < :0", [{"N": "2"}]),
        (conditions.below_field("leg", "max_legs"), "#0 < #1", []),
        (conditions.one_of("status", ("a", "b")), "#0 IN (:0, :1)", [{"S": "a"}, {"S": "b"}]),
        (
            conditions.any_of(conditions.missing("bulk"), conditions.differs("bulk", "b")),
            "(attribute_not_exists (#0) OR #0 <> :0)", [{"S": "b"}],
        ),
        (
            conditions.all_of(conditions.missing("bulk"), conditions.equals("attempt", 1)),
            "(attribute_not_exists (#0) AND #1 = :0)", [{"N": "1"}],
        ),
    ],
)  # fmt: skip
def test_a_condition_is_sent_as_dynamodb_writes_it(
    asked: conditions.Condition, text: str, values: list[dict[str, str]]
) -> None:
    key = {"run_id": {"S": "run_a"}, "part": {"S": "head"}}
    put = Move("A", "run_a", (Arm("a", asked),), {"run_id": "run_a", "part": "head", "attempt": 3}, replace=True)
    sent = table(lambda *_: {}).request(put)
    assert sent.pop("ConditionExpression") == text
    assert sent.pop("ExpressionAttributeValues", {}) == {f":{n}": value for n, value in enumerate(values)}
    del sent["ExpressionAttributeNames"]
    told = {"TableName": "runs", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    assert sent == told | {"Item": key | {"attempt": {"N": "3"}}}
    changed = table(lambda *_: {}).request(dataclasses.replace(put, set={"attempt": 3}, replace=False))
    assert (changed["ConditionExpression"], changed["Key"]) == (text, key)
    assert "Item" not in changed and {"N": "3"} in changed["ExpressionAttributeValues"].values()


@pytest.mark.parametrize(("error", "text"), [
    (refusal("ThrottlingException"), "DynamoDB refused {}: ThrottlingException"),
    (ConnectTimeoutError(endpoint_url="http://x"), "DynamoDB did not answer {}: ConnectTimeoutError"),
])  # fmt: skip
def test_errors_of_aws_become_ours_and_name_the_operation(error: Exception, text: str) -> None:
    def fails(_operation: str, _request: dict[str, Any]) -> dict[str, Any]:
        raise error

    asked: dict[str, Callable[[DynamoTable], object]] = {
        "UpdateItem": lambda t: t.write(moves.claim("run_a", "g", 5, 1000, 4)),
        "PutItem": lambda t: t.write(moves.start(moves.NewRun("t", "f", "k"), 5)),
        "GetItem": lambda t: t.get("run_a", "head"),
        "BatchGetItem": lambda t: t.get_many(["run_a"]),
        "Query": lambda t: t.parts("run_a", "delivery#"),
    }
    for operation, ask in asked.items():
        with pytest.raises(StoreUnavailable) as caught:
            ask(table(fails))
        assert str(caught.value) == text.format(operation)


def test_keys_left_unread_are_asked_for_again_after_longer_and_longer_pauses() -> None:
    asked: list[list[str]] = []

    def one_at_a_time(_operation: str, request: dict[str, Any]) -> dict[str, Any]:
        keys = request["RequestItems"]["runs"]["Keys"]
        asked.append([key["run_id"]["S"] for key in keys])
        return {"Responses": {"runs": [keys[0]]}, "UnprocessedKeys": {"runs": {"Keys": keys[1:]}} if keys[1:] else {}}

    pauses: list[float] = []
    found = table(one_at_a_time, pauses).get_many(["a", "b", "c", "a"])
    assert [item["run_id"] for item in found] == ["a", "b", "c"]
    assert asked == [["a", "b", "c"], ["b", "c"], ["c"]]
    assert [low / 2 <= pause <= low * 1.5 for low, pause in zip(BATCH_PAUSES_S, pauses, strict=False)] == [True, True]


def test_keys_left_unread_for_ever_are_not_asked_for_for_ever() -> None:
    asked = []

    def never(_operation: str, request: dict[str, Any]) -> dict[str, Any]:
        asked.append(1)
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    pauses: list[float] = []
    with pytest.raises(StoreUnavailable, match="left 2 of 2 keys unread"):
        table(never, pauses).get_many(["a", "b"])
    assert (len(asked), len(pauses)) == (len(BATCH_PAUSES_S) + 1, len(BATCH_PAUSES_S))


def test_nothing_is_asked_for_no_keys() -> None:
    def fails(_operation: str, _request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError

    assert table(fails).get_many([]) == []


def test_an_odd_time_of_an_index_stops_no_page_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    from invoke_once.store.dynamo import _whole

    assert [_whole(text) for text in ("7", "1000.5", "1E+3", "-1")] == [7, 1001, 1000, -1]
    assert _whole("0." + "0" * 99) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["value"], line["OddTimes"]) for line in told] == [
        ("odd_time", text, 1) for text in ("1000.5", "1E+3", "-1", "0." + "0" * 38)
    ]


def test_the_text_of_a_request_is_made_once_for_a_shape_and_the_values_are_each_move_s_own() -> None:
    made = 0

    class Counted(Scripted):
        def get_operation_kwargs(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal made
            made += 1
            return super().get_operation_kwargs(*args, **kwargs)

    def anew(move: Move) -> dict[str, Any]:
        return table(lambda *_: {}).request(move)

    asked = DynamoTable("runs", connection=Counted(lambda *_: {}))
    head = Head.from_item(moves.start(moves.NewRun("demo", "echo", "one"), NOW).set)
    held = dataclasses.replace(head, not_before=NOW + 5)
    first, second = (moves.claim(run, "g", NOW, 60_000, NOW) for run in ("run_a", "run_b"))
    assert [asked.request(move) for move in (first, second, first)] == [anew(move) for move in (first, second, first)]
    assert made == 1
    waits, waits_for_nothing = moves.release(held, NOW), moves.release(head, NOW)
    assert asked.request(waits) == anew(waits)
    assert asked.request(waits_for_nothing) == anew(waits_for_nothing)
    assert {"NULL": True} in asked.request(waits_for_nothing)["ExpressionAttributeValues"].values()


def test_a_page_of_an_index_begins_after_the_key_of_the_last_one() -> None:
    sent: list[dict[str, Any]] = []

    def answer(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        assert operation == "Query"
        sent.append(request)
        return {"Items": [{"run_id": {"S": "run_b"}, "part": {"S": "gate"}, "due_at": {"N": "8"}}]}

    found = table(answer).index("due", "due#1", low=1, high=9, limit=2, newest_first=False,
                                after=Key("run_a", "due#1", 7, "head"))  # fmt: skip
    assert found == [Key("run_b", "due#1", 8, "gate")]
    (request,) = sent
    assert request["ExclusiveStartKey"] == {
        "run_id": {"S": "run_a"}, "part": {"S": "head"}, "due_shard": {"S": "due#1"}, "due_at": {"N": "7"},
    }  # fmt: skip
    assert (request["IndexName"], request["Limit"], request["ScanIndexForward"]) == ("due", 2, True)
    assert sorted(value for item in request["ExpressionAttributeValues"].values() for value in item.values()) == [
        "1", "9", "due#1",
    ]  # fmt: skip


WRITES: list[tuple[Move, set[str]]] = [
    (moves.start(moves.NewRun("demo", "echo", "k"), NOW),
     {"Item", "ConditionExpression", "ReturnValuesOnConditionCheckFailure"}),
    (Move("input", "run_a", (), {"run_id": "run_a", "part": "p"}, part="p", replace=True), {"Item"}),
    (moves.note(Head("run_a", "demo", "echo", "queued", "g", 1, 2, 3), b"{}"),
     {"Key", "ConditionExpression", "UpdateExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}),
    (moves.finish(moves.Fence("run_a", 1, "l"), Head("run_a", "demo", "echo", "running", "g", 1, 2, 3),
                  Status.SUCCEEDED, NOW, {}, "t"),
     {"Key", "ConditionExpression", "UpdateExpression", "ReturnValuesOnConditionCheckFailure"}),
]  # fmt: skip


@pytest.mark.parametrize(("move", "asks"), WRITES, ids=lambda x: x.letter if isinstance(x, Move) else "")
def test_a_write_asks_for_what_it_needs_and_for_no_more(move: Move, asks: set[str]) -> None:
    sent = table(lambda *_: {}).request(move)
    values = {"ExpressionAttributeNames", "ExpressionAttributeValues"} if "ConditionExpression" in asks else set()
    assert set(sent) == asks | values | {"TableName"}
    assert sent.get("ReturnValues", "ALL_NEW") == "ALL_NEW"
    assert sent.get("ReturnValuesOnConditionCheckFailure", "ALL_OLD") == "ALL_OLD"
    key = {"run_id": {"S": move.run_id}, "part": {"S": move.part}}
    assert sent.get("Key", key) == key and (sent.get("Item", key) | key) == sent.get("Item", key)


@pytest.mark.parametrize(("move", "_asks"), WRITES, ids=lambda x: x.letter if isinstance(x, Move) else "")
def test_a_write_gives_the_item_as_it_is_afterwards(move: Move, _asks: set[str]) -> None:
    now = {"run_id": move.run_id, "part": move.part, "status": "queued", "error": b"{}"}
    written = table(lambda *_: {"Attributes": stored(now)} if move.letter == "V" else {}).write(move)
    assert isinstance(written, Written)
    if move.letter == "V":
        assert written.item == now
    else:
        assert written.item == (move.changed(move.known) if move.known is not None else move.set)


def test_the_parts_of_a_run_are_read_as_they_are_now_page_by_page() -> None:
    sent: list[dict[str, Any]] = []
    one, other = (stored({"run_id": "run_a", "part": f"input#{n}"}) for n in (1, 2))
    pages = [{"Items": [one], "LastEvaluatedKey": {"run_id": {"S": "run_a"}}}, {"Items": [other]}]

    def answer(_operation: str, request: dict[str, Any]) -> dict[str, Any]:
        sent.append(request)
        return pages[len(sent) - 1]

    assert [item["part"] for item in table(answer).parts("run_a", "input#")] == ["input#1", "input#2"]
    assert [request["ConsistentRead"] for request in sent] == [True, True]
    assert [request.get("ExclusiveStartKey") for request in sent] == [None, {"run_id": {"S": "run_a"}}]
